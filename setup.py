"""What a wheel holds: the package `segue`, and in it the code as `services`. In a checkout it stays where it is."""

import sys

from setuptools import find_packages, setup

DATA = [
    "py.typed",
    "cli/bridge/lists.json",
    "gateway/page/templates/*.html",
    "gateway/page/static/*",
    "memory/text/turn_kinds.json",
]
packages = find_packages(include=["services", "services.*"])
if "editable_wheel" in sys.argv:
    setup(packages=packages, entry_points={"console_scripts": ["segue = services.cli.__main__:main"]})
else:
    setup(
        packages=["segue", *(f"segue.{name}" for name in packages)],
        package_dir={"segue": "deploy/wheel", "segue.services": "services"},
        package_data={"segue.services": DATA},
        entry_points={"console_scripts": ["segue = segue:main"]},
    )
