#include "core/base/path_of_rank.h"

#include <filesystem>

#include "core/base/strcat.h"

namespace ronde {

std::string PathOfRank(const std::string& path, int rank) {
  if (rank == 0) return path;
  const std::filesystem::path whole(path);
  const std::string name = StrCat(whole.stem().string(), ".rank", rank, whole.extension().string());
  return (whole.parent_path() / name).string();
}

}  // namespace ronde
