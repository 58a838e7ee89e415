#include <sched.h>

#include <algorithm>

#include <mpi.h>

#include "collectives/allreduce/common.h"
#include "collectives/allreduce/mpi_reduction.h"
#include "collectives/cost_model.h"
#include "collectives/shared/pause.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::int64_t kMaxCount = std::int64_t{1} << 30;  // MPI counts are int

/// The MPI library's own allreduce, nonblocking, so that a missing rank ends in an error.
/// Cost:   the library's; modelled as the lesser of ring and recursive doubling, and one alpha
/// Buffer: `input` (may be `output`) to `output`, `count` elements; the library's scratch.
/// Order:  the library's: offsets may change bits. min and max of NaN are the library's too, and
///         16-bit types round at every step.
/// Errors: kTimeout, kAborted; `output` is then undefined and must stay allocated, because the
///         operation cannot be cancelled. kInternal when MPI fails.
/// Source: MPI 3.1, section 5.12.
class Mpi final : public AllreduceAlgorithm {
 public:
  std::string_view name() const override { return "mpi"; }

  bool Supports(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    return context.transport().native_communicator() != nullptr &&
           MpiReductionFor(arguments.dtype, arguments.op).has_value();
  }

  std::string_view Needs() const override {
    return "ranks over MPI, and an operator that MPI has for the type";
  }
  double Cost(CollectiveContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = BoundingLink(context);
    const double ranks = context.size();
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const double doubling =
        CeilLog2(context.size()) * (link.alpha_us + bytes * (link.beta_us + link.gamma_us));
    const double ring =
        (ranks - 1) * (2 * link.alpha_us + bytes / ranks * (2 * link.beta_us + link.gamma_us));
    return link.alpha_us +
           std::max(std::min(doubling, ring), TurnsUs(context, CeilLog2(context.size())));
  }

  Status Run(CollectiveContext& context, const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kOffsetDependent; }
};

Status MpiFailure(const char* call, int error) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(error, text, &length);
  return Status::Internal(StrCat(call, " failed: ", text));
}

// Drives `request` to its end, watching the clock and the job.
Status WaitFor(CollectiveContext& context, MPI_Request* request, const Deadline& deadline) {
  for (int look = 1;; ++look) {
    int done = 0;
    const int error = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (error != MPI_SUCCESS) return MpiFailure("MPI_Iallreduce", error);
    if (done != 0) return Status::Ok();
    CpuPause();
    if (look % 64 != 0) continue;
    sched_yield();
    RONDE_RETURN_IF_ERROR(context.transport().CheckLiveness());
    if (deadline.Expired()) {
      return Status::Timeout(StrCat("rank ", context.rank(),
                                    " waited for other ranks in MPI's allreduce until the "
                                    "deadline (--timeout-s); MPI does not say for which"));
    }
  }
}

Status Mpi::Run(CollectiveContext& context, const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (context.size() == 1) ReduceAlone(arguments);
  if (context.size() == 1 || arguments.count == 0) return Status::Ok();

  const auto reduction = MpiReductionFor(arguments.dtype, arguments.op);
  if (!reduction) return Status::Unavailable("MPI did not make the operator of this reduction");
  const MPI_Comm comm = *static_cast<MPI_Comm*>(context.transport().native_communicator());
  const Scaling scaling = ScalingFor(arguments, context.size());
  const Deadline deadline = context.NewDeadline();
  const auto* input = static_cast<const std::byte*>(arguments.input);
  auto* output = static_cast<std::byte*>(arguments.output);
  if (scaling.prescale != 1) {
    Scale(arguments.dtype, input, output, arguments.count, scaling.prescale);
    input = output;
  }
  for (std::int64_t begin = 0; begin < arguments.count; begin += kMaxCount) {
    const auto count = static_cast<int>(std::min(kMaxCount, arguments.count - begin));
    const std::size_t offset = static_cast<std::size_t>(begin) * SizeOf(arguments.dtype);
    const void* from = input == output ? MPI_IN_PLACE : input + offset;
    MPI_Request request = MPI_REQUEST_NULL;
    const int error = MPI_Iallreduce(from, output + offset, count, reduction->datatype,
                                     reduction->op, comm, &request);
    if (error != MPI_SUCCESS) return MpiFailure("MPI_Iallreduce", error);
    RONDE_RETURN_IF_ERROR(WaitFor(context, &request, deadline));
  }
  FinishResult(arguments, output, arguments.count, scaling);
  return Status::Ok();
}

}  // namespace

const AllreduceAlgorithm& MpiAllreduce() {
  static const Mpi algorithm;
  return algorithm;
}

}  // namespace ronde
