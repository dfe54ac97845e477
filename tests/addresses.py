"""The addresses of a release, in what PyPI shows: none is committed, for a fork has others.

`python -m tests.addresses REPOSITORY TAG` puts them into pyproject.toml and README.md of a checkout that is about to be
built: where code, documentation and changes are, and, as PyPI knows no relative links, where those of README.md lead.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A link, or a picture, to a file of the repository or a heading of the page.
RELATIVE = re.compile(r"(?P<picture>!?)(?P<text>\[[^\]]*\])\((?P<target>(?!https?:)[^)\s]+)\)")


def urls(repository: str, tag: str) -> dict[str, str]:
    """What PyPI has beside the description, for a repository on GitHub such as https://github.com/owner/name."""
    host, owner, name = repository.rsplit("/", 2)
    if host != "https://github.com":
        raise ValueError(f"the repository must be https://github.com/OWNER/NAME, not {repository}")
    return {
        "Documentation": f"https://{owner.lower()}.github.io/{name}/",
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
    }


def with_urls(project: str, repository: str, tag: str) -> str:
    """The text of pyproject.toml with [project.urls]."""
    table = "\n".join(f'{name} = "{url}"' for name, url in urls(repository, tag).items())
    before, heading, after = project.partition("[project.optional-dependencies]\n")
    return f"{before}[project.urls]\n{table}\n\n{heading}{after}"


def with_absolute_links(readme: str, repository: str, tag: str) -> str:
    """The text of README.md with no relative link."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["picture"] else "blob"
        target = f"README.md{link['target']}" if link["target"].startswith("#") else link["target"]
        return f"{link['picture']}{link['text']}({repository}/{kind}/{tag}/{target})"

    return RELATIVE.sub(absolute, readme)


def main(repository: str, tag: str, root: Path = Path()) -> None:
    for name, changed in (("pyproject.toml", with_urls), ("README.md", with_absolute_links)):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(changed(text, repository, tag), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
