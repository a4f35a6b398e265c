"""Programs on an emulated processor, and what they start on the same.

`python -m tests.arm.emulation` fetches what is missing, and sees that such programs start on this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from tests.arm.arm_python import HOME, PYTHON, SYSTEM, make

REGISTER = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
)
"""How the kernel knows a program for 64-bit ARM, of either of the two kinds."""
PLACE = "/proc/sys/fs/binfmt_misc"
ENTER = f'mount -t binfmt_misc none {PLACE} && printf %s "$0" > {PLACE}/register && exec "$@"'
"""In a namespace, so that nothing of it is seen outside."""
LIBRARIES = {"QEMU_LD_PREFIX": str(SYSTEM)}


@dataclass(frozen=True)
class Processor:
    """`cpu` as qemu calls it; `is_arm`, or else an x86-64."""

    cpu: str
    is_arm: bool

    @property
    def environment(self) -> dict[str, str]:
        """What a process on it needs besides this process's own; none of Segue's settings."""
        # Without bytecode each process compiles all of Segue.
        hidden = ("SEGUE_", "PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return inherited | (LIBRARIES | {"QEMU_CPU": self.cpu} if self.is_arm else {})

    def python(self, *arguments: str) -> list[str]:
        """The command that runs Python with Segue's packages on it."""
        if not self.is_arm:
            return [str(HOME / "qemu-x86_64"), "-cpu", self.cpu, sys.executable, *arguments]
        register = f"{REGISTER}:{HOME / 'qemu-aarch64'}:FO"
        namespace = ["unshare", "--user", "--map-root-user", "--mount", "--"]
        return [*namespace, "sh", "-c", ENTER, register, str(PYTHON), *arguments]


ARM_WITH_SME = Processor("max,pauth-impdef=on", is_arm=True)
"""With all that qemu knows, of which onnxruntime takes SME, as Apple's M4 has it; pointers are signed a cheaper way."""
ARM = Processor("neoverse-n1", is_arm=True)
"""With the dot product, as Apple's M1 and Graviton 2. With i8mm, as an M2, the vectors are the same to the byte."""
OLDER_X86 = Processor("Haswell-noTSX", is_arm=False)
"""With AVX2 and without VNNI, as Intel's before 2019 and AMD's before Zen 4."""
STARTS_S = 300


def _starts(processor: Processor) -> None:
    command = processor.python("-c", "import platform; print(platform.machine())")
    done = subprocess.run(
        command, env=processor.environment, capture_output=True, text=True, timeout=STARTS_S, check=False
    )
    if done.returncode or not done.stdout.strip():
        needed = "Linux 6.7 or later on x86-64, and user namespaces"
        sys.exit(f"make test-arm: programs for {processor.cpu} do not start here; that needs {needed}\n{done.stderr}")


if __name__ == "__main__":
    make()
    for each in (ARM, OLDER_X86):
        _starts(each)
