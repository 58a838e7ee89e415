# shellcheck shell=bash
# ./dev demo: post-local SGD on Fashion-MNIST with two workers, from pictures to a trained model.

# shellcheck source=scripts/build.sh
source "$ROOT/scripts/build.sh"

readonly DEMO_DIR=$ROOT/build/demo
readonly DEMO_DATA=/usr/share/datasets/fashion-mnist

help_demo() {
  cat <<'HELP'
usage: ./dev demo [RONDE-TRAIN ARGS]

Sets up, builds, and trains a ResNet-8 on Fashion-MNIST (60,000 pictures, Debian's package) with two
workers and post-local SGD: gradients are averaged at every step first, models every few steps then.
Further arguments go to ronde-train. Results are in build/demo/.
HELP
}

run_demo() {
  set_up
  build_preset default
  mkdir -p "$DEMO_DIR"
  say "training; the same by hand:"
  local command=(
    build/bin/ronderun -np 2 ronde-train --algorithm post-local
    --model resnet8 --dataset fashion-mnist --data-dir "$DEMO_DATA"
    --epochs 5 --switch-epoch 2 --local-steps 8
    --schedule cosine --warmup-epochs 0 --reference-lr 0.8
    --log-json build/demo/log.jsonl --save build/demo/model.pt --plot build/demo/training.png
  )
  echo "  ${command[*]} $*"
  "${command[@]}" "$@"
  say "the model is in      build/demo/model.pt"
  say "the figures are in   build/demo/log.jsonl (one JSON object an epoch)"
  say "the plot is in       build/demo/training.png"
}
