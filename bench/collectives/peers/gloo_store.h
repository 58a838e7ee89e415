#pragma once

#include <map>
#include <string>
#include <vector>

#include <gloo/rendezvous/store.h>

#include "collectives/collective_context.h"

namespace ronde::bench {

/// Gloo's rendezvous over Ronde's transport, so that no file or port is needed. While it connects a
/// mesh, every rank sets as many keys as every other and in the same order before it reads them;
/// so each set is an exchange between all ranks, and whatever is read is there. Throws on errors.
class GlooStore final : public gloo::rendezvous::Store {
 public:
  explicit GlooStore(CollectiveContext& context) : context_(context) {}

  void set(const std::string& key, const std::vector<char>& data) override;
  std::vector<char> get(const std::string& key) override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds&) override {
    wait(keys);
  }

 private:
  CollectiveContext& context_;
  std::map<std::string, std::vector<char>> values_;
};

}  // namespace ronde::bench
