#include <array>
#include <set>

#include <nlohmann/json.hpp>

#include "core/base/json_fields.h"
#include "core/base/strcat.h"
#include "core/device/device_links.h"

namespace ronde {
namespace {

constexpr int kMostDevices = 1024;
constexpr int kMostLinks = 1024;
constexpr std::array kKinds = {DeviceReach::kNone, DeviceReach::kPcie, DeviceReach::kNvlink};
constexpr std::array kDistances = {PcieDistance::kUnknown, PcieDistance::kPix,  PcieDistance::kPxb,
                                   PcieDistance::kPhb,     PcieDistance::kNode, PcieDistance::kSys};

// One of `values`, by its Name.
template <typename Values>
auto ReadNamed(JsonFields& fields, std::string_view field, const Values& values) {
  const std::string text = fields.Text(field);
  std::string names;
  for (const auto value : values) {
    if (text == Name(value)) return value;
    names += StrCat(names.empty() ? "" : ", ", Name(value));
  }
  fields.Refuse(field, StrCat("one of ", names));
  return values[0];
}

DevicePlace ReadDevice(JsonFields& fields) {
  DevicePlace place;
  place.index = static_cast<int>(fields.Integer("index", -1, kMostDevices));
  place.name = fields.Text("name");
  place.pci_bus_id = fields.Text("pci_bus_id");
  place.numa_node = static_cast<int>(fields.Integer("numa_node", -1, kMostDevices));
  fields.ExpectNoOthers();
  return place;
}

void ReadLink(JsonFields& fields, DeviceLinks* links) {
  const auto last = static_cast<std::int64_t>(links->devices().size()) - 1;
  const std::vector<int> between = fields.Integers("between", 0, static_cast<int>(last));
  DeviceLink link;
  link.kind = ReadNamed(fields, "kind", kKinds);
  link.nvlinks = static_cast<int>(fields.Integer("nvlinks", 0, kMostLinks));
  link.distance = ReadNamed(fields, "distance", kDistances);
  fields.ExpectNoOthers();
  if (between.size() != 2 || between[0] == between[1]) {
    fields.Refuse("between", "two different positions in \"devices\"");
  }
  if (fields.status().ok()) links->Set(between[0], between[1], link);
}

}  // namespace

std::string DeviceLinksToJson(const DeviceLinks& links) {
  nlohmann::ordered_json json;
  json["devices"] = nlohmann::ordered_json::array();
  json["links"] = nlohmann::ordered_json::array();
  for (const DevicePlace& device : links.devices()) {
    json["devices"].push_back({{"index", device.index},
                               {"name", device.name},
                               {"pci_bus_id", device.pci_bus_id},
                               {"numa_node", device.numa_node}});
  }
  for (std::size_t a = 0; a < links.devices().size(); ++a) {
    for (std::size_t b = a + 1; b < links.devices().size(); ++b) {
      const DeviceLink& link = links.Between(a, b);
      json["links"].push_back({{"between", {a, b}},
                               {"kind", Name(link.kind)},
                               {"nvlinks", link.nvlinks},
                               {"distance", Name(link.distance)}});
    }
  }
  return json.dump(2);
}

Result<DeviceLinks> DeviceLinksFromJson(std::string_view text, std::string what) {
  JsonFields fields = JsonFields::Parse(text, std::move(what));
  std::vector<DevicePlace> places;
  for (JsonFields& device : fields.Objects("devices")) places.push_back(ReadDevice(device));
  DeviceLinks links(std::move(places));
  for (JsonFields& link : fields.Objects("links")) ReadLink(link, &links);
  fields.ExpectNoOthers();
  if (!fields.status().ok()) return fields.status();
  return links;
}

}  // namespace ronde
