"""`pynector completion`: what a shell needs to complete command lines, made of the parser itself.

The scripts hold all that there is to know, so that a shell starts no process for a key. shtab does about this, but is a
package more for what can be done without, knows no `--name=value` in bash, and has to be told again what is a file.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arguments import svg_file

SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True)
class Argument:
    """An option, or an argument without a name.

    Attributes:
        flags: Its names; none if it is no option.
        help: What it is.
        value: What its value is called; "" if it has none.
        choices: What its value may be, if only these.
        is_file: Whether its value is a file.
        is_repeated: Whether it may be given several times.
    """

    flags: tuple[str, ...]
    help: str
    value: str
    choices: tuple[str, ...]
    is_file: bool
    is_repeated: bool


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        name: Its name.
        help: What it does.
        arguments: What it takes.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...]

    @property
    def options(self) -> list[Argument]:
        """Those of its arguments that have names."""
        return [argument for argument in self.arguments if argument.flags]

    @property
    def others(self) -> list[Argument]:
        """Those that have none."""
        return [argument for argument in self.arguments if not argument.flags]


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script for a shell.

    Args:
        shell: One of SHELLS.
        parser: That of the command line.
    """
    make = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return "\n".join(make(Command("", "", tuple(_arguments(parser))), list(_commands(parser)))) + "\n"


# What the parser knows


def _commands(parser: argparse.ArgumentParser) -> Iterator[Command]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield Command(name, helps.get(name, ""), tuple(_arguments(command)))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[Argument]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        choices = tuple(map(str, action.choices or ()))
        value = "" if action.nargs == 0 else str(action.metavar or action.dest)
        yield Argument(
            flags=tuple(action.option_strings),
            help=(action.help or "").replace("%%", "%"),
            value=value,
            choices=choices,
            is_file=action.type in (Path, svg_file) or value == "FILE",
            is_repeated=isinstance(action, argparse._AppendAction),
        )


def _flags(arguments: Sequence[Argument]) -> list[str]:
    return [flag for argument in arguments for flag in argument.flags]


# bash


def _bash(top: Command, commands: Sequence[Command]) -> list[str]:
    names = "|".join(command.name for command in commands)
    return [
        "# bash completion for pynector: source <(pynector completion bash)",
        "_pynector() {",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD - 1]}" command="" at',
        "    # --name=value is three words there.",
        '    if [[ $cur == "=" ]]; then',
        '        cur=""',
        '    elif [[ $prev == "=" ]]; then',
        '        prev="${COMP_WORDS[COMP_CWORD - 2]}"',
        "    fi",
        "    for ((at = 1; at < COMP_CWORD; at++)); do",
        '        case "${COMP_WORDS[at]}" in',
        f'            {names}) command="${{COMP_WORDS[at]}}"; break ;;',
        "        esac",
        "    done",
        "    COMPREPLY=()",
        '    case "$command $prev" in',
        *(line for command in commands for line in _bash_values(command)),
        "    esac",
        '    case "$command" in',
        f"        '') _pynector_words {_quoted(' '.join([*(c.name for c in commands), *_flags(top.options)]))} ;;",
        *(f"        {command.name}) {_bash_words(command)} ;;" for command in commands),
        "    esac",
        "}",
        "_pynector_words() {",
        '    COMPREPLY=($(compgen -W "$1" -- "$cur"))',
        "}",
        "_pynector_files() {",
        "    local IFS=$'\\n'",
        '    COMPREPLY=($(compgen -f -- "$cur"))',
        "    compopt -o filenames 2>/dev/null",
        "}",
        "complete -F _pynector pynector",
    ]


def _bash_values(command: Command) -> Iterator[str]:
    for option in command.options:
        if option.value:
            cases = "|".join(f'"{command.name} {flag}"' for flag in option.flags)
            done = "" if not option.is_file else "_pynector_files; "
            if option.choices:
                done = f"_pynector_words {_quoted(' '.join(option.choices))}; "
            yield f"        {cases}) {done}return ;;"


def _bash_words(command: Command) -> str:
    words = f"_pynector_words {_quoted(' '.join(_flags(command.options)))}"
    if any(other.is_file for other in command.others):
        return f"if [[ $cur == -?* ]]; then {words}; else _pynector_files; fi"
    choices = [choice for other in command.others for choice in other.choices]
    return f"_pynector_words {_quoted(' '.join([*choices, *_flags(command.options)]))}"


# zsh


def _zsh(top: Command, commands: Sequence[Command]) -> list[str]:
    described = (f"        {_quoted(f'{command.name}:{command.help}')}" for command in commands)
    return [
        "#compdef pynector",
        "# zsh completion for pynector: source <(pynector completion zsh), or a file _pynector in a folder of $fpath",
        "_pynector() {",
        "    local -a commands",
        "    commands=(",
        *described,
        "    )",
        "    if (( CURRENT == 2 )); then",
        "        _describe -t commands command commands",
        f"        _arguments {' '.join(map(_zsh_spec, top.options))}",
        "        return",
        "    fi",
        '    local command="$words[2]"',
        "    shift words",
        "    (( CURRENT-- ))",
        '    case "$command" in',
        *(
            f"        {command.name}) _arguments {' '.join(map(_zsh_spec, command.arguments))} ;;"
            for command in commands
        ),
        "    esac",
        "}",
        'if [[ "${funcstack[1]}" == _pynector ]]; then',
        '    _pynector "$@"',
        "else",
        "    compdef _pynector pynector",
        "fi",
    ]


def _zsh_spec(argument: Argument) -> str:
    # zsh shows what such a value is called. In the place of an argument without a name there may still be an option.
    anything = " " if argument.flags else "()"
    action = "_files" if argument.is_file else f"({' '.join(argument.choices)})" if argument.choices else anything
    value = f":{_zsh_text(argument.value)}:{action}" if argument.value else ""
    if not argument.flags:
        return _quoted(value)
    text = f"[{_zsh_text(argument.help)}]{value}"
    # One way to give an option excludes the others.
    group = "*" if argument.is_repeated else f"({' '.join(argument.flags)})"
    return " ".join(_quoted(f"{group}{flag}{text}") for flag in argument.flags)


def _zsh_text(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, "\\" + character)
    return text


# fish


def _fish(top: Command, commands: Sequence[Command]) -> list[str]:
    lines = ["# fish completion for pynector: pynector completion fish | source", "complete -c pynector -f"]
    lines += [_fish_line("__fish_use_subcommand", option) for option in top.options]
    for command in commands:
        lines.append(
            f"complete -c pynector -n __fish_use_subcommand -a {_quoted(command.name)} -d {_fish_quoted(command.help)}"
        )
        seen = f"__fish_seen_subcommand_from {command.name}"
        lines += [_fish_line(seen, argument) for argument in command.arguments]
    return lines


def _fish_line(condition: str, argument: Argument) -> str:
    words: list[Any] = ["complete", "-c", "pynector", "-n", _fish_quoted(condition)]
    for flag in argument.flags:
        words += ["-l", flag[2:]] if flag.startswith("--") else ["-s", flag[1:]]
    if argument.flags and argument.value:
        words.append("-r")
    words.append("-F" if argument.is_file else "-f")
    if argument.choices:
        words += ["-a", _fish_quoted(" ".join(argument.choices))]
    if argument.flags:
        words += ["-d", _fish_quoted(argument.help)]
    return " ".join(words)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(text: str) -> str:
    return shlex.quote(text)
