"""`make sbom`: what the image installs, as CycloneDX 1.7 in JSON.

The packages and hashes are the lock's; licences and who needs whom are what the installed packages say of
themselves, so it runs in the development environment, which has the same versions. The same lock gives the
same bytes: there is no timestamp, and the serial number is made of the content.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot7
from packageurl import PackageURL

from supplychain.lock import Pin, pins

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCK = Path(__file__).parents[1] / "requirements.lock"
NAME = "modelarts-exporter"

_NAMESPACE = UUID(
    "8d2a4c0e-6f0b-5d0c-9a51-3f3f6c1d7b11"
)  # made up once, so that serial numbers are this project's
_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(.+)")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def sbom() -> str:
    """The inventory.

    Raises:
        ValueError: a package is not installed in the version of the lock.
    """
    bom = Bom()
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the schema lets it out, the library's types do not
    own = distribution(NAME)
    exporter = _component(own, ComponentType.APPLICATION, own.version)
    bom.metadata.component = exporter
    locked = {pin.name: pin for pin in pins(LOCK)}
    components = {name: _locked(pin) for name, pin in locked.items()}
    for component in components.values():
        bom.components.add(component)
    bom.register_dependency(exporter, _needed(own, components))
    for name, component in components.items():
        bom.register_dependency(component, _needed(distribution(name), components))
    bom.serial_number = uuid5(_NAMESPACE, "\n".join(map(repr, (own.version, *locked.values()))))
    return f"{JsonV1Dot7(bom).output_as_string(indent=2)}\n"


def _locked(pin: Pin) -> Component:
    installed = distribution(pin.name)
    if installed.version != pin.version:
        raise ValueError(
            f"{pin.name} {installed.version} is installed, the lock has {pin.version}: make clean"
        )
    component = _component(installed, ComponentType.LIBRARY, pin.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes]
    component.external_references.add(
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"https://pypi.org/simple/{pin.name}/"),
            comment="any file of this version whose hash is among these",
            hashes=hashes,
        )
    )
    if pin.marker:
        component.properties.add(Property(name="modelarts-exporter:only-where", value=pin.marker))
    return component


def _component(installed: Distribution, kind: ComponentType, version: str) -> Component:
    name = installed.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    url = PackageURL("pypi", None, name, version)
    licence = _licence(installed)
    return Component(
        type=kind,
        name=name,
        version=version,
        purl=url,
        bom_ref=str(url),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )


def _licence(installed: Distribution) -> str:
    """An SPDX expression where the package gives one; else its classifier, else its first line of text."""
    metadata = installed.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    named = [
        match[1] for line in metadata.get_all("Classifier", []) if (match := _CLASSIFIER.fullmatch(line))
    ]
    if named:
        return named[0]
    return metadata["License"].partition("\n")[0] if "License" in metadata else ""


def _needed(installed: Distribution, components: dict[str, Component]) -> Iterable[Component]:
    """Of the lock's packages those that this one asks for, extras left out."""
    asked = [text for text in installed.requires or () if "extra ==" not in text]
    names = {match[0].lower().replace("_", "-") for text in asked if (match := _NAME.match(text))}
    return [components[name] for name in sorted(names) if name in components]


if __name__ == "__main__":
    sys.stdout.write(sbom())
