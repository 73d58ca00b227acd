"""`cds-service completion`: the script that teaches a shell our commands, options and section names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL, to be read when it starts.

    \b
    bash  eval "$(cds-service completion bash)" in ~/.bashrc
    zsh   eval "$(cds-service completion zsh)" in ~/.zshrc
    fish  cds-service completion fish > ~/.config/fish/completions/cds-service.fish
    """
    found = get_completion_class(shell)
    if found is None:  # a click without this shell
        raise click.UsageError(f"completion for {shell} is not available")
    root = context.find_root()
    click.echo(found(root.command, {}, "cds-service", "_CDS_SERVICE_COMPLETE").source())
