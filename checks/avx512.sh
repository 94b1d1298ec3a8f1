# The AVX-512 kernels give the bits of plain Go. The machine may lack AVX-512 and QEMU cannot
# emulate it; Bochs can, as a whole machine: this boots Debian's kernel with the tests of simd as
# all that runs on it, once on a CPU without VNNI and once on one with it; arguments name other
# models. Not in the default list of checks: it takes some minutes and downloads a kernel. Emulation
# shows correctness, never speed.
set -euo pipefail
cd "$(dirname "$0")/.."

place=build/avx512
boot_loader=(/usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32)
packages=(bochs bochs-term bochsbios vgabios isolinux syslinux-common genisoimage cpio)

missing() {
  local tool
  for tool in bochs genisoimage cpio script; do
    command -v "$tool" >/dev/null || return 0
  done
  [ ! -e "${boot_loader[0]}" ] || [ ! -e "${boot_loader[1]}" ] ||
    ! dpkg -s bochs-term >/dev/null 2>&1
}

cannot() {
  echo "AVX-512 NOT CHECKED: $1"
  exit 1
}

if missing; then
  echo "installing ${packages[*]}"
  { apt-get update -qq && apt-get install -y -qq "${packages[@]}"; } >/dev/null 2>&1 ||
    cannot "apt-get could not install ${packages[*]}"
fi
mkdir -p "$place"
if [ ! -s "$place/linux" ]; then
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-[^ ]*\)/\1/p')
  (cd "$place" && apt-get download -qq "$kernel" 2>/dev/null && dpkg -x linux-image*.deb kernel) ||
    cannot "apt-get could not download a kernel"
  cp "$place"/kernel/boot/vmlinuz-* "$place/linux"
fi

# What does not run there: tests of the source text, which is not on that machine, and the two that
# take plain Go minutes when every instruction is emulated.
skip='Assembly|NEON|DenseOrthonormal|SelectKth'
rm -rf "$place/files"
mkdir -p "$place/files/"{proc,sys,tmp,dev}
CGO_ENABLED=0 GOARCH=amd64 go build -o "$place/files/init" ./checks/avx512
CGO_ENABLED=0 GOARCH=amd64 go test -c -o "$place/files/test" ./simd
tests=$("$place/files/test" -test.list . | grep '^Test' | grep -Evc "$skip")
echo "-test.v -test.short -test.run=^Test -test.skip=$skip" >"$place/files/arguments"

# The kernel trusts neither the compact save areas of these emulated CPUs nor some younger features:
# without them it starts.
hidden=pku,xsavec,xsaves,umip,rdpid,fsrm,erms,fsgsbase,invpcid,pcid,smap,smep,la57
options="console=ttyS0 rdinit=/init quiet mitigations=off nokaslr clearcpuid=$hidden noxsaves nopku"
options="$options split_lock_detect=off nohpet no_timer_check panic=-1"

# machine MODEL writes what an emulated machine of this model needs.
machine() {
  local at=$place/$1
  rm -rf "$at"
  mkdir -p "$at/disk"
  cp "$place/linux" "${boot_loader[@]}" "$at/disk/"
  (cd "$place/files" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$at/disk/initrd"
  printf 'default l\nprompt 0\nlabel l\n kernel /linux\n append initrd=/initrd %s\n' "$options" \
    >"$at/disk/isolinux.cfg"
  genisoimage -quiet -o "$at/disk.iso" -b isolinux.bin -c boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table "$at/disk"
  echo c >"$at/continue" # Debian's Bochs begins in its debugger
  cat >"$at/machine" <<END
display_library: term
cpu: model=$1, count=1, ips=100000000, reset_on_triple_fault=0
megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=disk.iso, status=inserted
boot: cdrom
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
com1: enabled=1, mode=file, dev=serial.txt
clock: sync=none
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
END
}

# boot MODEL runs the machine; it wants a terminal, which script gives it, and whose input must not
# end: a pipe that is open for writing too never does.
boot() {
  mkfifo "$place/$1/keys"
  (cd "$place/$1" && TERM=xterm timeout 1500 script -qc \
    "stty rows 30 cols 100; bochs -q -f machine -rc continue" screen.txt <>keys) >/dev/null 2>&1 ||
    true
}

failed=0
models=(corei7_skylake_x corei7_icelake_u)
[ $# -gt 0 ] && models=("$@")
for model in "${models[@]}"; do
  machine "$model"
  boot "$model" &
done
wait
for model in "${models[@]}"; do
  serial=$place/$model/serial.txt
  passed=$(grep -ac '^--- \(PASS\|SKIP\)' "$serial" || true)
  if grep -aq '^RESULT: ok' "$serial" && [ "$passed" -ge "$tests" ] &&
    grep -aq '^--- PASS: TestRequiredTierIsTheOneInForce' "$serial"; then
    echo "$model: $passed tests on the emulated CPU, tier avx512"
  else
    failed=1
    grep -a -A5 '^ *--- FAIL\|^panic\|^RESULT' "$serial" | tail -40 || true
    echo "$model: $passed of $tests tests ended well; all it said is in $serial"
  fi
done
[ $failed = 0 ]
