"""The command line. A file here is a subcommand: its name is the file's.

A module defines either `command`, or `COMMANDS`, a table of sub-subcommands. Nothing heavy is
imported before a command runs, so `asc --help` is quick.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from asc_cli import __version__
from asc_cli.cli import _signals
from asc_cli.core import declarations, installation, memory, outside, plugins, streams
from asc_cli.core.errors import AscError, refusal, resource_fault
from asc_cli.core.importing import fault_in_plugin
from asc_cli.core.terminal import message, note, one_line

ORDER = (
    "demo",
    "features",
    "train",
    "tune",
    "evaluate",
    "compare",
    "report",
    "predict",
    "datasets",
    "models",
    "runs",
    "recipes",
)


def main() -> None:
    """Entry point of the console script `asc`."""
    gc.set_threshold(100_000)  # imports make many objects that stay: looking for garbage is waste
    _signals.end_cleanly()
    streams.separate()
    memory.watch()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may hold any bytes
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would search all packages
    try:
        try:
            app = application(_requested_command(sys.argv))
        except AscError as fault:  # of a plug-in that is a command
            sys.exit(message(f"asc: {fault}"))
        app()
    except KeyboardInterrupt as stop:
        sys.exit(_signals.exit_code(stop))
    finally:
        gc.freeze()  # or Python collects torch's garbage at exit, which takes 0.3 s
        _signals.end_at_once()


def application(only: str | None = None) -> typer.Typer:
    """The command line, put together from the files of this package.

    Args:
        only: One subcommand, without the others: building all of them takes 0.1 s.
    """
    app = _group("Acoustic scene classification: recordings in, scene labels out.")
    app.callback(invoke_without_command=True)(_guarded(_root))
    names = [only] if only else plugins.names("cli")
    for name in sorted(names, key=lambda name: (*ORDER, name).index(name)):
        if name in plugins.shipped("cli"):
            module = importlib.import_module(f"asc_cli.cli.{name}")
        elif only:
            module = plugins.load("cli", name)
        else:
            try:
                _add_unloaded(app, name)
            except AscError as fault:  # the others are there
                note(f"asc: {fault}")
            continue
        if hasattr(module, "COMMANDS"):
            group = _group(module.__doc__ or "")
            for sub, function in module.COMMANDS.items():
                group.command(sub)(_guarded(function))
            app.add_typer(group, name=name)
        else:
            app.command(name)(_guarded(module.command))
    return app


def _requested_command(arguments: list[str]) -> str | None:
    """Return the subcommand in the first argument; None where help or completion needs all."""
    name = arguments[1] if arguments[1:] and "_ASC_COMPLETE" not in os.environ else ""
    if name in plugins.shipped("cli"):
        return name
    return name if name.isidentifier() and plugins.INSTALLED.find("cli", name) else None


def _add_unloaded(app: typer.Typer, name: str) -> None:
    """Add a command from outside with its help; its code is loaded when it is called."""

    def call(context: typer.Context) -> None:
        application(name)([name, *context.args])

    text = declarations.command_help(plugins.INSTALLED.tree("cli", name))
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, help=text, add_help_option=False, context_settings=settings)(call)


def _group(help: str) -> typer.Typer:
    return typer.Typer(
        help=help, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False
    )


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Acoustic scene classification: recordings in, scene labels out.

    Start with: **asc demo**. Your own recordings, a folder per scene: **asc datasets check table
    --data FOLDER**. A published protocol: **asc datasets show litis**.
    """
    if (remark := installation.leftover_hint()) is not None:
        note(f"asc: {remark}")
    for remark in outside.missing(plugins.FOLDERS):
        note(f"asc: {remark}")
    if version:
        print(__version__)
        raise typer.Exit()


def _guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: errors that the user can fix are one line on stderr and exit 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except AscError as fault:
            note(f"asc: {fault}")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as stop:
            with contextlib.suppress(OSError):  # its terminal may be gone
                print("\nasc: stopped; the same command resumes from here", file=sys.stderr)
            raise typer.Exit(_signals.exit_code(stop)) from None
        except BrokenPipeError:  # `asc … | head`: the reader has stopped
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as fault:  # disk full, no permission, no such folder
            text = resource_fault(fault)
            note(f"asc: {text or one_line(refusal(fault, 'standard output'))}")
            if not fault.filename and text is None:  # nor can the rest of its buffer be written
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except Exception as fault:
            needs = f"asc {command.__module__.rpartition('.')[2]}"
            text = (
                fault_in_plugin(fault)
                or installation.missing_extra(needs, fault)
                or resource_fault(fault)
            )
            if text is None:
                raise
            note(f"asc: {text}")
            raise typer.Exit(1) from None

    return run
