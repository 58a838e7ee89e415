#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "collectives/allreduce/common.h"
#include "collectives/cost_model.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"

namespace ronde {
namespace {

/// Allreduce of the ranks of one host with several packages (sockets) in registered memory: partial
/// sums inside each package first, so that between packages only partial sums travel, not every
/// rank's input and output. With m ranks in each of k packages, rank i of a package reduces shard i
/// (of m) of its package's inputs; then each of the k ranks that hold partial sums of shard i
/// completes a k-th of it for all of them; then each hands its shard to its own package.
///
/// Cost:   4 alpha + (2n + 3n/m) beta + (n(m-1)/m + n(k-1)/p) gamma, of which 2n(k-1)/p bytes pass
///         between packages, where push_two_shot has 2n(p-m)/p
/// Buffer: `input` (may be `output`) to `output`, both in registered memory, at the same places on
///         all ranks. Types of 4 bytes and more, and uint8: partial sums are stored.
/// Order:  a binary tree over the ranks (kTree): one inside each package, then one over packages,
///         each of which holds the next 2^k ranks.
/// Errors: kTimeout naming the ranks that are missing, kAborted; `output` is then undefined.
/// Source: two-level reduction as in Jain et al., "Framework for Scalable Intra-Node Collective
///         Operations using Shared Memory", SC 2018.
class PushByPackage final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "push_by_package"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return arguments.input_place.registered() && arguments.output_place.registered() &&
           SizeOf(arguments.dtype) != 2 && SharesMemory(context) &&
           context.package_groups().in_tree_order();
  }
  std::string_view Needs() const override {
    return "input and output in registered memory, no 16-bit type, all ranks on one host that "
           "share "
           "memory, and as many ranks on each of several packages";
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override;
  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
};

double PushByPackage::Cost(CollectiveContext& context, const AllreduceArguments& arguments) const {
  const PackageGroups& groups = context.package_groups();
  const LinkCost& link = context.costs().registered;
  const double members = groups.ranks_per_package();
  const auto bytes = static_cast<double>(SizeBytes(arguments));
  const double others = (groups.packages() - 1) * bytes / context.size();
  return 4 * link.alpha_us + bytes * (2 + 3 / members) * link.beta_us +
         (bytes * (members - 1) / members + others) * link.gamma_us +
         2 * others * kPackageCrossingUs;
}

// One rank's part of a call.
class PackageCall {
 public:
  PackageCall(CollectiveContext& context, const AllreduceArguments& arguments,
              const RegisteredBuffer& inputs, const RegisteredBuffer& outputs)
      : arguments_(arguments),
        inputs_(inputs),
        outputs_(outputs),
        groups_(context.package_groups()),
        scaling_(ScalingFor(arguments, context.size())),
        rank_(context.rank()) {
    for (int package = 0; package < groups_.packages(); ++package) {
      const auto members = groups_.members(package);
      const auto found = std::find(members.begin(), members.end(), rank_);
      if (found == members.end()) continue;
      package_ = package;
      index_ = static_cast<int>(found - members.begin());
    }
    shard_ = ShareOf(SizeBytes(arguments), index_, groups_.ranks_per_package());
  }

  // This package's inputs to partial sums of this rank's shard, which lie in its own output.
  void ReduceInsidePackage() {
    operands_.clear();
    for (const int member : groups_.members(package_)) {
      operands_.push_back(inputs_.of(member) + shard_.begin);
    }
    Reduce(arguments_.op, arguments_.dtype, operands_, outputs_.of(rank_) + shard_.begin,
           Elements(shard_), {.prescale = scaling_.prescale});
  }

  // All packages' partial sums of a part of the shard to results, on all that hold such sums.
  void ReduceAcrossPackages() {
    const ByteRange part = ShareOf(shard_.size(), package_, groups_.packages());
    operands_.clear();
    results_.clear();
    for (int package = 0; package < groups_.packages(); ++package) {
      std::byte* const place =
          outputs_.of(groups_.members(package)[index_]) + shard_.begin + part.begin;
      operands_.push_back(place);
      results_.push_back(place);
    }
    ReduceToAll(arguments_.op, arguments_.dtype, operands_, results_, Elements(part),
                ResultPart(scaling_), /*streams=*/false);
  }

  // This rank's finished shard to the other ranks of its package.
  void SpreadInsidePackage() {
    const std::byte* const own = outputs_.of(rank_) + shard_.begin;
    for (std::size_t done = 0; done < shard_.size(); done += kPieceBytes) {
      const std::size_t size_bytes = std::min(kPieceBytes, shard_.size() - done);
      for (const int member : groups_.members(package_)) {
        if (member == rank_) continue;
        std::memcpy(outputs_.of(member) + shard_.begin + done, own + done, size_bytes);
      }
    }
  }

  // What this rank writes for others.
  [[nodiscard]] std::size_t bytes_written() const {
    const auto others = static_cast<std::size_t>(groups_.ranks_per_package() - 1);
    const ByteRange part = ShareOf(shard_.size(), package_, groups_.packages());
    return shard_.size() * others + part.size() * static_cast<std::size_t>(groups_.packages() - 1);
  }

 private:
  [[nodiscard]] std::int64_t Elements(const ByteRange& range) const {
    return static_cast<std::int64_t>(range.size() / SizeOf(arguments_.dtype));
  }

  const AllreduceArguments& arguments_;
  const RegisteredBuffer& inputs_;
  const RegisteredBuffer& outputs_;
  const PackageGroups& groups_;
  Scaling scaling_;
  int rank_;
  int package_ = 0;
  int index_ = 0;  // in its package
  ByteRange shard_;
  std::vector<const void*> operands_;
  std::vector<void*> results_;
};

Status PushByPackage::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer inputs,
                         RegisteredBuffer::Find(context, arguments.input_place, "allreduce"));
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer outputs,
                         RegisteredBuffer::Find(context, arguments.output_place, "allreduce"));
  PackageCall call(context, arguments, inputs, outputs);
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // All inputs are complete, and nobody still reads what will be overwritten.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  // In place too: of this rank's input, nobody else reads this shard.
  call.ReduceInsidePackage();
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  call.ReduceAcrossPackages();
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  call.SpreadInsidePackage();
  context.AddSharedBytes(call.bytes_written());
  return channel.Step(deadline);
}

}  // namespace

const AllreduceAlgorithm& PushByPackageAllreduce() {
  static const PushByPackage algorithm;
  return algorithm;
}

}  // namespace ronde
