#include "core/comm/transports/mpi_wire.h"

#include <algorithm>
#include <vector>

#include "core/comm/transport_errors.h"
#include "core/comm/transports/mpi_environment.h"

namespace ronde {
namespace {

// A group's tags: those of callers, and the transport's own.
constexpr int kTagsPerGroup = kTagLimit + 1;
// What MPI promises at least.
constexpr int kLeastHighestTag = 32767;

// MPI counts are ints: longer messages travel in pieces.
constexpr std::size_t kPieceBytes = std::size_t{1} << 30;

int MpiTag(const WireTag& tag) { return tag.group * kTagsPerGroup + tag.tag; }

}  // namespace

// The pieces of one message.
class MpiWire::Request final : public WireRequest {
 public:
  explicit Request(MpiWire& wire) : wire_(wire) { ++wire_.pending_; }
  ~Request() override;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Status StartSend(int peer, int tag, std::span<const std::byte> data);
  Status StartReceive(int peer, int tag, std::span<std::byte> data);
  Result<bool> Test() override;
  [[nodiscard]] std::optional<std::size_t> received_bytes() const override {
    return received_bytes_;
  }

 private:
  Status Finish();

  MpiWire& wire_;
  bool receiving_ = false;
  bool complete_ = false;
  std::vector<MPI_Request> pieces_;
  std::vector<MPI_Status> statuses_;
  std::optional<std::size_t> received_bytes_ = 0;
};

MpiWire::Request::~Request() {
  if (!complete_) --wire_.pending_;
  for (MPI_Request& piece : pieces_) {
    if (piece == MPI_REQUEST_NULL) continue;
    if (receiving_) MPI_Cancel(&piece);
    MPI_Request_free(&piece);
  }
}

Status MpiWire::Request::StartReceive(int peer, int tag, std::span<std::byte> data) {
  receiving_ = true;
  std::size_t done = 0;
  do {
    const std::size_t piece = std::min(kPieceBytes, data.size() - done);
    const int code = MPI_Irecv(data.data() + done, static_cast<int>(piece), MPI_BYTE, peer, tag,
                               wire_.comm_, &pieces_.emplace_back(MPI_REQUEST_NULL));
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Irecv");
    done += piece;
  } while (done < data.size());
  return Status::Ok();
}

Status MpiWire::Request::StartSend(int peer, int tag, std::span<const std::byte> data) {
  std::size_t done = 0;
  do {
    const std::size_t piece = std::min(kPieceBytes, data.size() - done);
    const int code = MPI_Isend(data.data() + done, static_cast<int>(piece), MPI_BYTE, peer, tag,
                               wire_.comm_, &pieces_.emplace_back(MPI_REQUEST_NULL));
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Isend");
    done += piece;
  } while (done < data.size());
  return Status::Ok();
}

Result<bool> MpiWire::Request::Test() {
  if (complete_) return true;
  statuses_.resize(pieces_.size());
  int done = 0;
  const int code =
      MPI_Testall(static_cast<int>(pieces_.size()), pieces_.data(), &done, statuses_.data());
  if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) return MpiError(code, "MPI_Testall");
  if (done == 0 && code == MPI_SUCCESS) return false;
  complete_ = true;
  --wire_.pending_;
  RONDE_RETURN_IF_ERROR(Finish());
  return true;
}

Status MpiWire::Request::Finish() {
  for (const MPI_Status& status : statuses_) {
    int error_class = MPI_SUCCESS;
    // MPI sets the field only where Testall reported errors; elsewhere it keeps its initial 0.
    if (status.MPI_ERROR != MPI_SUCCESS) MPI_Error_class(status.MPI_ERROR, &error_class);
    if (error_class == MPI_ERR_TRUNCATE) {
      received_bytes_.reset();
    } else if (error_class != MPI_SUCCESS && error_class != MPI_ERR_PENDING) {
      return MpiError(status.MPI_ERROR, receiving_ ? "receiving data" : "sending data");
    } else if (receiving_ && received_bytes_) {
      int count = 0;
      MPI_Get_count(&status, MPI_BYTE, &count);
      *received_bytes_ += static_cast<std::size_t>(std::max(count, 0));
    }
  }
  return Status::Ok();
}

MpiWire::MpiWire(MPI_Comm comm) : comm_(comm) {
  int* highest = nullptr;
  int known = 0;
  MPI_Comm_get_attr(comm_, MPI_TAG_UB, &highest, &known);
  last_group_ = (known != 0 ? *highest : kLeastHighestTag) / kTagsPerGroup - 1;
}

Result<std::unique_ptr<WireRequest>> MpiWire::Send(int peer, const WireTag& tag,
                                                   std::span<const std::byte> data) {
  auto request = std::make_unique<Request>(*this);
  RONDE_RETURN_IF_ERROR(request->StartSend(peer, MpiTag(tag), data));
  return std::unique_ptr<WireRequest>(std::move(request));
}

Result<std::unique_ptr<WireRequest>> MpiWire::Receive(int peer, const WireTag& tag,
                                                      std::span<std::byte> data) {
  auto request = std::make_unique<Request>(*this);
  RONDE_RETURN_IF_ERROR(request->StartReceive(peer, MpiTag(tag), data));
  return std::unique_ptr<WireRequest>(std::move(request));
}

void MpiWire::Progress() {
  if (pending_ == 0) return;
  int found = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, MPI_STATUS_IGNORE);
}

}  // namespace ronde
