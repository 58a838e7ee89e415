#include "frontends/resnet/plot.h"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"

extern char** environ;

namespace ronde {

Status DrawPlot(const std::string& jsonl_path, const std::string& image_path) {
  std::string python = EnvironmentValue("RONDE_PYTHON");
  if (python.empty()) python = RONDE_PYTHON_EXECUTABLE;
  if (python.empty()) python = "python3";

  std::array<std::string, 4> words = {python, RONDE_PLOT_SCRIPT, jsonl_path, image_path};
  std::array<char*, 5> argv = {};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  pid_t child = 0;
  const int error = posix_spawnp(&child, python.c_str(), nullptr, nullptr, argv.data(), environ);
  if (error != 0) {
    return Status::Unavailable(StrCat("no plot: ", python, " cannot be started (",
                                      std::strerror(error),
                                      "); set RONDE_PYTHON to a Python with matplotlib"));
  }
  int ended = 0;
  while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) return Status::Ok();
  return Status::Unavailable(StrCat("no plot: ", python, " ", RONDE_PLOT_SCRIPT, " ", jsonl_path,
                                    " ", image_path,
                                    " failed; set RONDE_PYTHON to a Python with matplotlib"));
}

}  // namespace ronde
