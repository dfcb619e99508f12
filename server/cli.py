"""The command `viewloom`. Each command is in `server/commands/` and is imported when called, so that help is quick.

Exit codes: 0 done, 1 a problem was found, 2 the command line is wrong.
"""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "demo": "server.commands.demo:demo",
    "serve": "server.commands.serve:serve",
    "init": "server.commands.init:init",
    "apply": "server.commands.files:apply_command",
    "check": "server.commands.files:check",
    "export": "server.commands.files:export_command",
    "connections": "server.commands.connections:connections",
    "refresh": "server.commands.connections:refresh_command",
    "infer": "server.commands.connections:infer_command",
    "views": "server.commands.views:views",
    "publish": "server.commands.publications:publish_command",
    "publications": "server.commands.publications:publications",
    "keys": "server.commands.keys:keys",
    "preview": "server.commands.queries:preview_command",
    "explain": "server.commands.queries:explain_command",
    "runs": "server.commands.queries:runs",
}
SUMMARIES = {
    "demo": "Start a factory's data and the server: look around in a minute.",
    "serve": "Serve a catalog's publications as OData, REST and SQL.",
    "init": "Create a workspace.",
    "apply": "Make the workspace what a directory of files says.",
    "check": "Say what is wrong with the files, or with the workspace's views.",
    "export": "Write the workspace as files.",
    "connections": "List connections; test one.",
    "refresh": "Look at a connection's tables again.",
    "infer": "Propose column types of a file or REST table.",
    "views": "List, show and check views.",
    "publish": "Offer a view at a URL.",
    "publications": "List what is offered.",
    "keys": "Issue, list and revoke API keys.",
    "preview": "Look at the first rows of a query, a view or a table.",
    "explain": "Say how a query runs: what each source is asked for, and why.",
    "runs": "List what was run; show one run.",
}


class Program(click.Group):
    """The group of all commands, each loaded when it is wanted; expected errors are told in words, not as traces."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from server.commands.report import report_error

            if not report_error(error):
                raise
            ctx.exit(1)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="viewloom")
def main() -> None:
    """Viewloom: SQL views over live databases, web APIs and files, published as OData, REST and SQL.

    \b
    A first look:            viewloom demo
    Your own workspace:      viewloom init --workspace main
                             viewloom apply ./my-workspace --dry-run
                             viewloom apply ./my-workspace
                             viewloom keys issue "Excel of Anna"
                             viewloom serve

    Commands work on the catalog directly, in .viewloom/ or where VIEWLOOM_CATALOG or --catalog says.
    Exit codes: 0 done, 1 a problem was found, 2 the command line is wrong.
    """
