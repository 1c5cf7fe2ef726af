"""`tactful schema`: what editors need to help with campaign files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.entry.cli.options import ShopFolder

if TYPE_CHECKING:
    from pydantic import BaseModel

FOLDER = "schema"
HOW = """\
Editors with the YAML language server (VS Code with the extension "YAML" by Red Hat, Neovim,
Helix) then complete and check campaign files. VS Code finds the schemas by .vscode/settings.json.
Elsewhere, begin a file with its line:
  campaigns/NAME/campaign.yaml   # yaml-language-server: $schema=../../schema/campaign.json
  campaigns/shop.yaml            # yaml-language-server: $schema=../schema/shop.json"""


def schema(
    what: Annotated[str, typer.Argument(help="campaign or shop.")] = "campaign",
    write: Annotated[
        bool, typer.Option("--write", help="Write both below the shop's folder, for editors.")
    ] = False,
    shop: ShopFolder = None,
) -> None:
    """Print the JSON Schema of a file, or set an editor up.

    \b
    tactful schema campaign > campaign.json
    tactful schema --write

    --write makes schema/campaign.json and schema/shop.json, and tells VS Code of them in
    .vscode/settings.json, whose other settings it keeps.
    """
    from orchestrator.entry.settings import settings
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.problem import or_near

    models = _models()
    if what not in models:
        raise WrongUse(or_near(f"there is no schema of {what!r}", what, models))
    if not write:
        typer.echo(_text(_schema(models[what])), nl=False)
        return
    home = settings(shop).home
    for name, model in models.items():
        file = home / FOLDER / f"{name}.json"
        _put(file, _text(_schema(model)))
        typer.echo(f"written: {file}")
    _tell_editor(home / ".vscode" / "settings.json")
    typer.echo(HOW)


def _models() -> "dict[str, type[BaseModel]]":
    from orchestrator.model.campaign import Campaign
    from orchestrator.model.shop import Shop

    return {"campaign": Campaign, "shop": Shop}


def _schema(model: "type[BaseModel]") -> dict[str, Any]:
    """As files are written: a campaign's name is its folder's, so that it is not asked for."""
    made = model.model_json_schema(by_alias=True)
    if "name" in made.get("required", ()):
        made["required"].remove("name")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _text(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _put(file: Path, text: str) -> None:
    from orchestrator.model.errors import WrongUse

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"cannot write {file}: {error.strerror}") from None


def _tell_editor(file: Path) -> None:
    import json

    wanted = {
        f"./{FOLDER}/campaign.json": "campaigns/*/campaign.yaml",
        f"./{FOLDER}/shop.json": "campaigns/shop.yaml",
    }
    kept: dict[str, Any] = {}
    if file.exists():
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:  # VS Code takes comments; rewriting would lose them
            typer.echo(f'{file} has comments; add to it: "yaml.schemas": {json.dumps(wanted)}')
            return
    kept["yaml.schemas"] = {**kept.get("yaml.schemas", {}), **wanted}
    _put(file, _text(kept))
    typer.echo(f"written: {file}")
