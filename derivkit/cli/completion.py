"""``derivkit completion SHELL``: a script that completes commands and options in bash, zsh or fish.

Made from the parser, so that an option that is added is completed. Not argcomplete, which is no
dependency and starts Python at every Tab.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from derivkit.methods.registry import available_methods

__all__ = ["SHELLS", "completion"]

SHELLS = ("bash", "zsh", "fish")
ZSH = "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n"
BASH = """\
_derivkit() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}} $before" in
{values}
        *) case "${{COMP_WORDS[1]}}" in
{options}
            esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _derivkit derivkit
"""


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script for a shell."""
    commands = _commands(parser)
    return _fish(commands) if shell == "fish" else (ZSH if shell == "zsh" else "") + _bash(commands)


def _commands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Return {command: (its help, its parser)}."""
    kinds = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no other door
    helps = {each.dest: each.help or "" for each in kinds._choices_actions}  # noqa: SLF001
    return {name: (_plain(helps.get(name)), each) for name, each in kinds.choices.items()}


def _plain(text: str | None) -> str:
    """Return a text that can stand between single quotes."""
    return (text or "").replace("'", "’")


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each long option with its help and the values that it may have, where they are few."""
    for action in parser._actions:  # noqa: SLF001
        for option in action.option_strings:
            if option.startswith("--"):
                values = list(action.choices or [])
                values = list(available_methods()) if option == "--method" else values
                yield option, _plain(action.help), [str(v) for v in values]


def _bash(commands: dict[str, tuple[str, argparse.ArgumentParser]]) -> str:
    values, options = [], []
    for name, (_, parser) in commands.items():
        found = list(_options(parser))
        options.append(f'            {name}) words="{" ".join(o for o, _, _ in found)}" ;;')
        chosen = [(o, v) for o, _, v in found if v]
        values += [f'        "{name} {o}") words="{" ".join(v)}" ;;' for o, v in chosen]
    listed = {"values": "\n".join(values), "options": "\n".join(options)}
    return BASH.format(commands=" ".join(commands), **listed)


def _fish(commands: dict[str, tuple[str, argparse.ArgumentParser]]) -> str:
    lines = []
    for name, (text, parser) in commands.items():
        lines.append(f"complete -c derivkit -n __fish_use_subcommand -a {name} -d '{text}'")
        for option, help_text, values in _options(parser):
            chosen = f" -x -a '{' '.join(values)}'" if values else ""
            within = f"-n '__fish_seen_subcommand_from {name}'"
            lines.append(
                f"complete -c derivkit {within} -l {option[2:]}{chosen} -d '{help_text[:60]}'"
            )
    return "\n".join(lines) + "\n"
