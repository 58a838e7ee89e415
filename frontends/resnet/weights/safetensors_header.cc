#include "frontends/resnet/weights/safetensors_header.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/tensor_layout.h"

namespace ronde {
namespace {

using Json = nlohmann::json;

constexpr char kMetadata[] = "__metadata__";
constexpr std::size_t kHighestRank = 64;  // libtorch's own limit in most operations

Status Bad(const std::string& what) { return Status::InvalidArgument(what); }

Status BadTensor(const std::string& name, const std::string& what) {
  return Bad(StrCat("tensor ", Printable(name), " ", what));
}

// The document, or what is wrong. Nothing in a header nests deeper than a shape in its tensor:
// deeper values are dropped while reading, so that memory stays within a multiple of the text.
Result<Json> ParseDocument(std::string_view text) {
  constexpr int kDeepest = 3;
  std::set<std::string> names;
  std::optional<std::string> repeated;
  const auto keep = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second) repeated = name;
    }
    return depth <= kDeepest;
  };
  Json document = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (!document.is_object()) return Bad("its header is not a JSON object");
  if (repeated) return BadTensor(*repeated, "is there twice");
  return document;
}

// The non-negative integers of member `key`, or nothing.
std::optional<std::vector<std::uint64_t>> Integers(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return std::nullopt;
  std::vector<std::uint64_t> integers;
  integers.reserve(found->size());
  for (const Json& item : *found) {
    if (!item.is_number_unsigned()) return std::nullopt;
    integers.push_back(item.get<std::uint64_t>());
  }
  return integers;
}

Result<std::string> ReadType(const std::string& name, const Json& object) {
  const auto found = object.find("dtype");
  if (found == object.end() || !found->is_string()) return BadTensor(name, "has no dtype");
  auto dtype = found->get<std::string>();
  if (ElementBytes(dtype) != 0) return dtype;
  return BadTensor(name, StrCat("has dtype ", Printable(dtype),
                                "; accepted are F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL"));
}

Result<SafetensorsEntry> ReadEntry(const std::string& name, const Json& object) {
  if (!object.is_object()) return BadTensor(name, "is not described by an object");
  SafetensorsEntry entry;
  entry.name = name;
  RONDE_ASSIGN_OR_RETURN(entry.dtype, ReadType(name, object));
  const auto extents = Integers(object, "shape");
  if (!extents) return BadTensor(name, "has no shape of non-negative integers");
  if (extents->size() > kHighestRank) {
    return BadTensor(
        name, StrCat("has ", extents->size(), " dimensions; expected at most ", kHighestRank));
  }
  const auto offsets = Integers(object, "data_offsets");
  if (!offsets || offsets->size() != 2) return BadTensor(name, "has no two data_offsets");
  entry.begin = offsets->front();
  entry.end = offsets->back();
  entry.shape.assign(extents->begin(), extents->end());  // above 2^63: negative, refused below
  const auto expected = SizeBytes(entry.shape, ElementBytes(entry.dtype));
  if (!expected) return BadTensor(name, "has a shape that is too large");
  if (entry.end < entry.begin || entry.end - entry.begin != *expected) {
    return BadTensor(name, StrCat("has data_offsets ", entry.begin, " to ", entry.end,
                                  "; expected ", *expected, " bytes for its shape and dtype"));
  }
  return entry;
}

Status ReadMetadata(const Json& object, std::map<std::string, std::string>& metadata) {
  if (!object.is_object()) return Bad(StrCat(kMetadata, " is not an object"));
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) return Bad(StrCat(kMetadata, " holds what is not a string"));
    metadata[key] = value.get<std::string>();
  }
  return Status::Ok();
}

// The format allows neither holes nor overlaps.
Status CheckCover(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin != covered) {
      return BadTensor(entry.name, StrCat("begins at byte ", entry.begin, "; expected ", covered,
                                          ", the end of the one before"));
    }
    covered = entry.end;
  }
  if (covered == data_bytes) return Status::Ok();
  return Bad(StrCat("it has ", data_bytes, " bytes of values; expected ", covered,
                    covered > data_bytes ? ": it was cut off" : ""));
}

Result<SafetensorsHeader> ReadHeader(const Json& document, std::uint64_t data_bytes) {
  SafetensorsHeader header;
  for (const auto& [name, value] : document.items()) {
    if (name == kMetadata) {
      RONDE_RETURN_IF_ERROR(ReadMetadata(value, header.metadata));
      continue;
    }
    RONDE_ASSIGN_OR_RETURN(SafetensorsEntry entry, ReadEntry(name, value));
    header.entries.push_back(std::move(entry));
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  RONDE_RETURN_IF_ERROR(CheckCover(header.entries, data_bytes));
  return header;
}

Json ToJson(const SafetensorsEntry& entry) {
  return {
      {"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
}

Status CheckNames(const std::vector<SafetensorsEntry>& entries) {
  std::set<std::string_view> names = {kMetadata};
  for (const SafetensorsEntry& entry : entries) {
    if (entry.name == kMetadata) return BadTensor(entry.name, "has a reserved name");
    if (!names.insert(entry.name).second) return BadTensor(entry.name, "is there twice");
  }
  return Status::Ok();
}

std::string WithLength(std::string json) {
  json.append(
      (kSafetensorsLengthBytes - json.size() % kSafetensorsLengthBytes) % kSafetensorsLengthBytes,
      ' ');
  std::string length;
  for (unsigned byte = 0; byte < kSafetensorsLengthBytes; ++byte) {
    length += static_cast<char>(json.size() >> (8 * byte) & 0xff);
  }
  return length + json;
}

}  // namespace

Result<std::string> FormatSafetensorsHeader(const SafetensorsHeader& header) {
  RONDE_RETURN_IF_ERROR(CheckNames(header.entries));
  try {
    std::string json = "{";
    if (!header.metadata.empty()) json += StrCat('"', kMetadata, "\":", Json(header.metadata));
    for (const SafetensorsEntry& entry : header.entries) {
      if (json.size() > 1) json += ',';
      json += Json(entry.name).dump() + ":" + ToJson(entry).dump();
    }
    return WithLength(json + "}");
  } catch (const Json::exception&) {
    return Bad("a tensor's name or the metadata are not UTF-8");
  }
}

Result<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json, std::uint64_t data_bytes) {
  try {
    RONDE_ASSIGN_OR_RETURN(const Json document, ParseDocument(json));
    return ReadHeader(document, data_bytes);
  } catch (const std::exception& error) {  // out of memory
    return Bad(StrCat("its header cannot be held: ", error.what()));
  }
}

}  // namespace ronde
