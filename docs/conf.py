"""How Sphinx makes the site of these pages: `nox -s docs`."""

import os
import sys
from pathlib import Path

# A compiled class tells nothing of its signatures; the pages are the same for both builds.
os.environ["PYNECTOR_PURE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sphinx.pycode import ModuleAnalyzer

from pynector import __version__

project = "Pynector"
copyright = "the Pynector developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Dashes alone: a quoted word is mostly a value.
smartquotes_action = "D"

html_theme = "furo"
html_title = f"Pynector {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#b83d0b", "color-brand-content": "#b83d0b"},
    "dark_css_variables": {"color-brand-primary": "#ff8a5c", "color-brand-content": "#ff8a5c"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"

# Headings have the anchors that they have on GitHub; a link to one that is not there is a warning.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# In docstrings `name` is code, and a link where it is a name.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_mock_imports = ["dask", "distributed", "ray"]
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

_analyze = ModuleAnalyzer.analyze


def _analyze_without_overloads(self: ModuleAnalyzer) -> None:
    # A method with four overloads, each of twenty arguments, says more by the one signature below them.
    _analyze(self)
    self.overloads = {}


ModuleAnalyzer.analyze = _analyze_without_overloads  # type: ignore[method-assign]
