#include "core/comm/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/available_memory.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = 2 << 20;
constexpr int kMadviseCollapse = 25;  // MADV_COLLAPSE, which older C libraries do not name

std::string Reason() { return std::strerror(errno); }

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class MappedRegion final : public Region {
 public:
  MappedRegion(FileDescriptor file, std::byte* data, std::size_t size_bytes, RegionToken token)
      : file_(std::move(file)), data_(data), size_bytes_(size_bytes), token_(token) {}
  ~MappedRegion() override { munmap(data_, std::max<std::size_t>(size_bytes_, 1)); }
  MappedRegion(const MappedRegion&) = delete;
  MappedRegion& operator=(const MappedRegion&) = delete;
  [[nodiscard]] std::byte* data() const override { return data_; }
  [[nodiscard]] std::size_t size_bytes() const override { return size_bytes_; }
  [[nodiscard]] RegionToken token() const override { return token_; }
  void Detach(std::size_t offset, std::size_t size_bytes) override;

 private:
  FileDescriptor file_;  // open in the owner, so that peers find it; empty in a peer
  std::byte* data_;
  std::size_t size_bytes_;
  RegionToken token_;
};

// By way of a copy, so that at no time are the addresses without memory. Where there is none for
// the copy the peers' pages stay: the job has failed already, and losing its data would be worse.
void MappedRegion::Detach(std::size_t offset, std::size_t size_bytes) {
  if (offset >= size_bytes_ || size_bytes == 0) return;
  const std::size_t end = offset + std::min(size_bytes, size_bytes_ - offset);
  std::byte* const begin = data_ + offset / kPageBytes * kPageBytes;
  const std::size_t length = static_cast<std::size_t>(data_ + end - begin);
  const std::size_t room = (length + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* copy = MAP_FAILED;
  if (length <= AvailableMemoryBytes()) {
    copy = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (copy == MAP_FAILED) {
    Log(LogLevel::kWarning, "no memory for a copy of ", length,
        " bytes that were lent to a failed ",
        "collective: a rank that was stopped may still write there");
    return;
  }
  std::memcpy(copy, begin, length);
  if (mremap(copy, room, room, MREMAP_MAYMOVE | MREMAP_FIXED, begin) == MAP_FAILED) {
    munmap(copy, room);
  }
}

// Token: process id, descriptor, and the file's identity, because ids can be reused.
struct TokenParts {
  std::uint64_t process;
  std::uint64_t descriptor;
  std::uint64_t inode;
  std::uint64_t device;
};

// Addresses at which the kernel can map huge pages, where the size is worth it: room for the
// mapping that replaces it. Null where any address will do.
void* HugePageAddress(std::size_t size_bytes) {
  if (size_bytes < kHugePageBytes) return nullptr;
  void* const room = mmap(nullptr, size_bytes + kHugePageBytes, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(room);
  const std::size_t skew = reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
  std::byte* const aligned = begin + (kHugePageBytes - skew) % kHugePageBytes;
  const std::size_t before = static_cast<std::size_t>(aligned - begin);
  if (before > 0) munmap(begin, before);
  std::byte* const end = aligned + (size_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  munmap(end, static_cast<std::size_t>(begin + size_bytes + kHugePageBytes - end));
  return aligned;
}

Result<std::byte*> Map(int fd, std::size_t size_bytes) {
  void* const wanted = HugePageAddress(size_bytes);
  void* address = mmap(wanted, std::max<std::size_t>(size_bytes, 1), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE | (wanted != nullptr ? MAP_FIXED : 0), fd, 0);
  if (address == MAP_FAILED) {
    return Status::Unavailable(
        StrCat("cannot map ", size_bytes, " bytes of shared memory: ", Reason()));
  }
  madvise(address, std::max<std::size_t>(size_bytes, 1), MADV_DONTFORK);
  return static_cast<std::byte*>(address);
}

}  // namespace

Result<std::unique_ptr<Region>> AllocateSharedMemory(std::size_t size_bytes) {
  // Nothing limits a memfd: fallocate would take every page there is, and the kernel would start to
  // kill processes before it returned an error.
  if (const std::uint64_t free_bytes = AvailableMemoryBytes(); size_bytes > free_bytes) {
    return Status::Unavailable(StrCat("cannot allocate ", size_bytes,
                                      " bytes of shared memory: only ", free_bytes,
                                      " bytes of memory are available"));
  }
  FileDescriptor file(memfd_create("ronde", MFD_CLOEXEC));
  if (file.get() < 0) {
    return Status::Unavailable(StrCat("cannot create shared memory (memfd): ", Reason()));
  }
  // fallocate, because a page that is missing later is a SIGBUS instead of an error.
  const auto length = static_cast<off_t>(std::max<std::size_t>(size_bytes, 1));
  if (ftruncate(file.get(), length) != 0 || fallocate(file.get(), 0, 0, length) != 0) {
    return Status::Unavailable(
        StrCat("cannot allocate ", size_bytes, " bytes of shared memory: ", Reason()));
  }
  struct stat identity = {};
  fstat(file.get(), &identity);
  const RegionToken token = {{static_cast<std::uint64_t>(getpid()),
                              static_cast<std::uint64_t>(file.get()), identity.st_ino,
                              identity.st_dev}};
  RONDE_ASSIGN_OR_RETURN(std::byte * data, Map(file.get(), size_bytes));
  // Where the kernel cannot, or has no huge pages left, ordinary ones do.
  madvise(data, size_bytes / kHugePageBytes * kHugePageBytes, kMadviseCollapse);
  return std::unique_ptr<Region>(
      std::make_unique<MappedRegion>(std::move(file), data, size_bytes, token));
}

Result<std::unique_ptr<Region>> MapSharedMemory(const RegionToken& token, std::size_t size_bytes) {
  const TokenParts parts = {token.words[0], token.words[1], token.words[2], token.words[3]};
  const std::string path = StrCat("/proc/", parts.process, "/fd/", parts.descriptor);
  const FileDescriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() < 0) {
    return Status::Unavailable(StrCat("cannot map a peer's memory by ", path, ": ", Reason(),
                                      "; ranks of one host share memory when they run as one user "
                                      "in one PID namespace"));
  }
  struct stat identity = {};
  if (fstat(file.get(), &identity) != 0 || identity.st_ino != parts.inode ||
      identity.st_dev != parts.device || identity.st_size < static_cast<off_t>(size_bytes)) {
    return Status::Unavailable(
        StrCat(path, " is not the peer's memory; is the peer in another PID namespace?"));
  }
  RONDE_ASSIGN_OR_RETURN(std::byte * data, Map(file.get(), size_bytes));
  return std::unique_ptr<Region>(
      std::make_unique<MappedRegion>(FileDescriptor(), data, size_bytes, token));
}

}  // namespace ronde
