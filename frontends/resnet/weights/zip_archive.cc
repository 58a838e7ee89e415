#include "frontends/resnet/weights/zip_archive.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <zlib.h>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/printable.h"

namespace ronde {
namespace {

// Sizes and signatures of the format's parts, by the names of PKWARE's APPNOTE.
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kLocator64Bytes = 20;
constexpr std::size_t kEntryBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocator64Signature = 0x07064b50;
constexpr std::uint32_t kEntrySignature = 0x02014b50;
constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::size_t kLongestComment = 0xffff;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the value is in a zip64 field
constexpr std::uint64_t kDirectoryLimit = 64 << 20;

Status Bad(const std::string& what) { return Status::InvalidArgument(what); }

// Little-endian, `width` bytes at `at`; the caller has checked that they are there.
std::uint64_t Number(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = width; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

Result<std::string> ReadPart(const InputFile& file, std::uint64_t begin, std::uint64_t size_bytes) {
  std::string part(size_bytes, '\0');
  RONDE_RETURN_IF_ERROR(file.ReadAt(begin, part.data(), part.size()));
  return part;
}

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t size_bytes = 0;
};

Result<Span> ReadEnd64(const InputFile& file, std::uint64_t end_at) {
  const Status missing = Bad("its zip64 end record is missing");
  if (end_at < kLocator64Bytes) return missing;
  RONDE_ASSIGN_OR_RETURN(const std::string locator,
                         ReadPart(file, end_at - kLocator64Bytes, kLocator64Bytes));
  const std::uint64_t at = Number(locator, 8, 8);
  if (Number(locator, 0, 4) != kLocator64Signature || at > file.size_bytes() ||
      file.size_bytes() - at < kEnd64Bytes) {
    return missing;
  }
  RONDE_ASSIGN_OR_RETURN(const std::string end, ReadPart(file, at, kEnd64Bytes));
  if (Number(end, 0, 4) != kEnd64Signature) return missing;
  return Span{Number(end, 48, 8), Number(end, 40, 8)};
}

// The end record is the last thing in the file but for a comment, whose length it holds.
Result<Span> FindDirectory(const InputFile& file) {
  const std::uint64_t tail_bytes =
      std::min<std::uint64_t>(file.size_bytes(), kEndBytes + kLongestComment);
  const std::uint64_t tail_at = file.size_bytes() - tail_bytes;
  RONDE_ASSIGN_OR_RETURN(const std::string tail, ReadPart(file, tail_at, tail_bytes));
  for (std::size_t from_end = kEndBytes; from_end <= tail.size(); ++from_end) {
    const std::size_t at = tail.size() - from_end;
    if (Number(tail, at, 4) != kEndSignature || Number(tail, at + 20, 2) != from_end - kEndBytes) {
      continue;
    }
    const Span span = {Number(tail, at + 16, 4), Number(tail, at + 12, 4)};
    if (span.begin != kIn64 && span.size_bytes != kIn64) return span;
    return ReadEnd64(file, tail_at + at);
  }
  return Bad("its end record is missing: it was cut off");
}

// What a directory entry says; `local_at` is where the local header lies.
struct Entry {
  std::string name;
  std::uint64_t method = 0;
  std::uint64_t crc32 = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t local_at = 0;
};

// Takes the 64-bit values of the numbers that do not fit, in the order of the format.
bool ReadZip64Field(std::string_view extra, Entry& entry) {
  while (extra.size() >= 4) {
    const std::uint64_t id = Number(extra, 0, 2);
    const std::size_t size = Number(extra, 2, 2);
    if (size > extra.size() - 4) return false;
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4 + size);
    if (id != 1) continue;
    for (std::uint64_t* number : {&entry.size_bytes, &entry.stored_bytes, &entry.local_at}) {
      if (*number != kIn64) continue;
      if (field.size() < 8) return false;
      *number = Number(field, 0, 8);
      field.remove_prefix(8);
    }
    return true;
  }
  return true;
}

// Reads the entry at the front of `directory` and removes it; nothing where it is damaged.
std::optional<Entry> TakeEntry(std::string_view& directory) {
  if (directory.size() < kEntryBytes || Number(directory, 0, 4) != kEntrySignature) {
    return std::nullopt;
  }
  const std::size_t name_bytes = Number(directory, 28, 2);
  const std::size_t extra_bytes = Number(directory, 30, 2);
  const std::size_t all = kEntryBytes + name_bytes + extra_bytes + Number(directory, 32, 2);
  if (all > directory.size()) return std::nullopt;
  Entry entry;
  entry.name = directory.substr(kEntryBytes, name_bytes);
  entry.method = Number(directory, 10, 2);
  entry.crc32 = Number(directory, 16, 4);
  entry.stored_bytes = Number(directory, 20, 4);
  entry.size_bytes = Number(directory, 24, 4);
  entry.local_at = Number(directory, 42, 4);
  if (!ReadZip64Field(directory.substr(kEntryBytes + name_bytes, extra_bytes), entry)) {
    return std::nullopt;
  }
  directory.remove_prefix(all);
  return entry;
}

Result<ZipRecord> Locate(const InputFile& file, const Entry& entry) {
  const Status outside = Bad(StrCat("its record ", Printable(entry.name), " lies outside of it"));
  if (entry.method != 0 || entry.stored_bytes != entry.size_bytes) {
    return Bad(StrCat("its record ", Printable(entry.name),
                      " is compressed; expected the file as torch.save wrote it"));
  }
  if (entry.local_at > file.size_bytes() || file.size_bytes() - entry.local_at < kLocalBytes) {
    return outside;
  }
  RONDE_ASSIGN_OR_RETURN(const std::string local, ReadPart(file, entry.local_at, kLocalBytes));
  if (Number(local, 0, 4) != kLocalSignature) return outside;
  const std::uint64_t begin =
      entry.local_at + kLocalBytes + Number(local, 26, 2) + Number(local, 28, 2);
  if (begin > file.size_bytes() || entry.size_bytes > file.size_bytes() - begin) return outside;
  return ZipRecord{begin, entry.size_bytes, static_cast<std::uint32_t>(entry.crc32)};
}

}  // namespace

Result<ZipDirectory> ReadZipDirectory(const InputFile& file) {
  RONDE_ASSIGN_OR_RETURN(const Span span, FindDirectory(file));
  if (span.size_bytes > kDirectoryLimit || span.begin > file.size_bytes() ||
      span.size_bytes > file.size_bytes() - span.begin) {
    return Bad("its directory lies outside of it: it was cut off");
  }
  RONDE_ASSIGN_OR_RETURN(const std::string bytes, ReadPart(file, span.begin, span.size_bytes));
  ZipDirectory directory;
  std::uint64_t sum_bytes = 0;
  for (std::string_view rest = bytes; !rest.empty();) {
    std::optional<Entry> entry = TakeEntry(rest);
    if (!entry) return Bad("its directory is damaged");
    RONDE_ASSIGN_OR_RETURN(const ZipRecord record, Locate(file, *entry));
    // Records that overlap could ask for any amount of memory.
    sum_bytes += record.size_bytes;
    if (sum_bytes > file.size_bytes()) return Bad("its records overlap");
    if (!directory.emplace(std::move(entry->name), record).second) {
      return Bad("it has two records of one name");
    }
  }
  return directory;
}

Status ReadZipRecord(const InputFile& file, const ZipRecord& record, void* bytes) {
  RONDE_RETURN_IF_ERROR(file.ReadAt(record.begin, bytes, record.size_bytes));
  const uLong crc = crc32_z(0, static_cast<const Bytef*>(bytes), record.size_bytes);
  if (crc == record.crc32) return Status::Ok();
  return Bad("a checksum is wrong: the file is damaged, or was written without checksums");
}

}  // namespace ronde
