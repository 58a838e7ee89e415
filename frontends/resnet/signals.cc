#include "frontends/resnet/signals.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace ronde {
namespace {

// Nothing may wait here: a collective may be in flight that will never end. Memory shared with
// other ranks has no name, so nothing is left behind.
void Exit(int signal) { _exit(128 + signal); }

}  // namespace

void ExitOnSignals() {
  struct sigaction action = {};
  action.sa_handler = &Exit;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

}  // namespace ronde
