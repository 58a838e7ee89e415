#pragma once

namespace ronde {

/// Message tags of the collectives: two that follow each other never mix their messages.
enum CollectiveTag : int {
  kAllreduceTag = 1,
  kBroadcastTag = 2,
  kAllgatherTag = 3,
  kBarrierTag = 4,
  kSetUpTag = 5,
  kReducescatterTag = 6,
  kAlltoallTag = 7,
  kAllreduceResultTag = 8,
};

}  // namespace ronde
