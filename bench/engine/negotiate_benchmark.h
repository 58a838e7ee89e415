#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/measurement.h"
#include "bench/engine/engine_options.h"
#include "core/base/config.h"
#include "core/comm/transport.h"

namespace ronde::bench {

/// One mode's figures for one number of tensors and ranks.
struct NegotiateFigures {
  ControlMode mode = ControlMode::kUncached;
  /// A cycle, from the first submission on any rank to the last completion.
  Timing timing;
  /// Of it, the median time that the slowest rank's calls take to submit everything.
  double submit_us = 0;
  /// Control messages that a rank sends in a cycle: of the rank that sends most, and on average.
  double messages_most = 0;
  double messages_mean = 0;
  double bytes_most = 0;
  /// Data messages, and words on the notice board, of the rank that has most.
  double data_messages_most = 0;
  double board_words_most = 0;
};

struct NegotiateRow {
  std::string transport;
  int ranks = 1;
  int tensors = 1;
  int cycles = 1;
  SubmitOrder order = SubmitOrder::kByRank;
  std::vector<NegotiateFigures> figures;  ///< in the order of the options' modes
};

using NegotiateSink = std::function<void(const NegotiateRow&)>;

/// Ranks as threads of this process: every number of ranks of the options.
Status NegotiateInProcess(const NegotiateOptions& options, const Config& config,
                          const NegotiateSink& sink);

/// Makes a world of the ranks that `direct` has, collectively.
using WorldMaker = std::function<Result<std::unique_ptr<Transport>>(const Config&)>;

/// Collective: between the ranks that a launcher has started. Rows reach every rank.
Status NegotiateLaunched(const NegotiateOptions& options, const Config& config,
                         DirectRunner& direct, const WorldMaker& make_world,
                         const NegotiateSink& sink);

}  // namespace ronde::bench
