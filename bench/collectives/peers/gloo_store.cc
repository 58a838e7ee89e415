#include "bench/collectives/peers/gloo_store.h"

#include <stdexcept>

#include "collectives/allgather/allgather.h"

namespace ronde::bench {
namespace {

// One rank's bytes from each rank, of any length.
std::vector<std::string> ExchangeTexts(CollectiveContext& context, const std::string& mine) {
  const auto ranks = static_cast<std::size_t>(context.size());
  const std::vector<std::int64_t> of_a_size(ranks, sizeof(std::int64_t));
  std::vector<std::int64_t> sizes(ranks);
  const auto size = static_cast<std::int64_t>(mine.size());
  Status status = Allgather(context, {&size, sizes.data(), of_a_size, {}});
  std::int64_t total = 0;
  for (const std::int64_t one : sizes) total += one;
  std::string all(static_cast<std::size_t>(total), '\0');
  if (status.ok()) status = Allgather(context, {mine.data(), all.data(), sizes, {}});
  if (!status.ok()) throw std::runtime_error(status.ToString());
  std::vector<std::string> texts;
  std::size_t at = 0;
  for (const std::int64_t one : sizes) {
    texts.push_back(all.substr(at, static_cast<std::size_t>(one)));
    at += static_cast<std::size_t>(one);
  }
  return texts;
}

}  // namespace

void GlooStore::set(const std::string& key, const std::vector<char>& data) {
  const std::vector<std::string> keys = ExchangeTexts(context_, key);
  const std::vector<std::string> values =
      ExchangeTexts(context_, std::string(data.begin(), data.end()));
  for (std::size_t rank = 0; rank < keys.size(); ++rank) {
    values_[keys[rank]].assign(values[rank].begin(), values[rank].end());
  }
}

std::vector<char> GlooStore::get(const std::string& key) {
  wait({key});
  return values_[key];
}

void GlooStore::wait(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (values_.count(key) == 0) throw std::runtime_error("gloo: no rank has set '" + key + "'");
  }
}

}  // namespace ronde::bench
