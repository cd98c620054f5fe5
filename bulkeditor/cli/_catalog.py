"""A sandbox with the catalog that the command line names: generated, or read from one file or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import bulkeditor as be
from bulkeditor.errors import InvalidInputError

if TYPE_CHECKING:
    from bulkeditor.sandbox.catalog import CatalogImport, CatalogRow, ImportReport


class Catalog:
    """Where a sandbox gets its products from.

    Args:
        files: Product exports; without any, rows are generated.
        products: How many rows to generate.
        seed: What the generated rows grow from.
    """

    def __init__(self, files: Sequence[Path] = (), *, products: int = 1000, seed: int = 7) -> None:
        self._files = files
        self._products = products
        self._seed = seed
        self._imports: list[CatalogImport] = []

    @property
    def origin(self) -> str:
        """Where the products come from, in words."""
        if self._files:
            return ", ".join(file.name for file in self._files)
        return f"generated from seed {self._seed}"

    @property
    def reports(self) -> list[ImportReport]:
        """What became of each record of each file, once the sandbox is made."""
        return [one.report for one in self._imports]

    def sandbox(
        self,
        *,
        port: int = 0,
        readings: Mapping[str, str] | None = None,
        completions: bool = True,
        webhook_hosts: Sequence[str] = (),
    ) -> be.Sandbox:
        """A sandbox with these products, not started yet.

        Args:
            port: Where it will listen; 0 takes any free port.
            readings: How it reads the documentation.
            completions: False for the documented operations only.
            webhook_hosts: Where webhooks are delivered besides this machine.

        Raises:
            MissingExtraError: The sandbox's packages are not installed.
            InvalidInputError: A file cannot be read, or an option is wrong.
        """
        try:
            return be.Sandbox(
                catalog=self._rows() if self._files else None,
                products=self._products,
                seed=self._seed,
                port=port,
                readings=readings,
                completions=completions,
                webhook_hosts=webhook_hosts,
            )
        except (OSError, EOFError) as error:
            raise InvalidInputError(f"{self.origin} cannot be read: {error}.") from error

    def _rows(self) -> Iterator[CatalogRow]:
        # Imported here: naming the sandbox's package is what asks for its extra.
        from bulkeditor.sandbox.catalog import read_catalog  # noqa: PLC0415

        # Opened one after the other while the store fills, so that no file is held in memory.
        self._imports = [read_catalog(file) for file in self._files]
        return chain.from_iterable(self._imports)
