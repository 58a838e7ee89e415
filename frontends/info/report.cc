#include "frontends/info/report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "collectives/allreduce/algorithm.h"
#include "collectives/device/algorithm.h"
#include "collectives/reduce_kernels.h"
#include "core/base/build_info.h"
#include "core/base/strcat.h"
#include "core/comm/topology_file.h"
#include "core/comm/transport_table.h"
#include "core/device/device_links.h"
#include "core/device/device_list.h"

namespace ronde {
namespace {

std::string Line(std::string_view name, const std::string& value) {
  char text[512];
  std::snprintf(text, sizeof(text), "  %-26s %s\n", std::string(name).c_str(), value.c_str());
  return text;
}

std::string Indented(const std::string& text) {
  std::string indented = "  ";
  for (std::size_t i = 0; i < text.size(); ++i) {
    indented += text[i];
    if (text[i] == '\n' && i + 1 < text.size()) indented += "  ";
  }
  return indented.back() == '\n' ? indented : indented + "\n";
}

std::vector<std::string_view> AlgorithmNames() {
  std::vector<std::string_view> names;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    names.push_back(algorithm->name());
  }
  return names;
}

std::vector<std::string_view> DeviceAlgorithmNames() {
  std::vector<std::string_view> names;
  for (const DeviceAllreduceAlgorithm* algorithm : DeviceAllreduceAlgorithms()) {
    names.push_back(algorithm->name());
  }
  return names;
}

std::vector<std::string_view> TransportNames() {
  std::vector<std::string_view> names;
  for (const TransportEntry& entry : TransportTable()) names.push_back(entry.name);
  return names;
}

std::string Joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += StrCat(text.empty() ? "" : ", ", name);
  return text;
}

std::string SettingLine(const SettingSpec& spec, const Config& config) {
  const std::string& value = config.GetText(spec.id);
  char text[512];
  std::snprintf(text, sizeof(text), "  %-28s %-30s %-10s %s\n", std::string(spec.flag).c_str(),
                std::string(spec.environment).c_str(), value.empty() ? "\"\"" : value.c_str(),
                std::string(Name(config.GetOrigin(spec.id))).c_str());
  return StrCat(text, "      ", spec.help, " (", AcceptedValues(spec), ")\n");
}

// Links are those of the machine, which may have devices that this process or build cannot use.
std::string DevicesText(const std::vector<DeviceInfo>& devices, const DeviceLinks& links) {
  std::string text;
  for (const DeviceInfo& device : devices) {
    text += Line(StrCat("cuda:", device.index),
                 StrCat(device.name, ", ", device.memory_bytes >> 20, " MiB, compute capability ",
                        device.major, ".", device.minor));
  }
  if (devices.empty()) text += BuiltWithCuda() ? "  none found\n" : "  built without CUDA\n";
  if (!links.devices().empty()) text += Indented(Describe(links));
  return text;
}

}  // namespace

std::string InfoText(const Config& config, const Topology& topology) {
  std::string text = "Build\n";
  for (const BuildFeature& feature : BuildFeatures()) {
    text += Line(feature.name, std::string(feature.value));
  }
  text += Line("transports", Joined(TransportNames()));
  text += Line("allreduce algorithms", Joined(AlgorithmNames()));
  text += Line("  of device memory", Joined(DeviceAlgorithmNames()));
  text += Line("reduce kernels", std::string(ReduceInstructionSet()));

  text += "\nDevices\n";
  text += DevicesText(ListDevices(), DetectDeviceLinks());

  text += "\nTopology\n" + Indented(Describe(topology));

  text += "\nSettings (flag, variable, value, origin)\n";
  for (const SettingSpec& spec : Settings()) text += SettingLine(spec, config);
  return text;
}

std::string InfoJson(const Config& config, const Topology& topology) {
  nlohmann::ordered_json json;
  for (const BuildFeature& feature : BuildFeatures()) {
    json["build"][std::string(feature.name)] = feature.value;
  }
  json["transports"] = TransportNames();
  json["allreduce_algorithms"] = AlgorithmNames();
  json["device_allreduce_algorithms"] = DeviceAlgorithmNames();
  json["reduce_kernels"] = ReduceInstructionSet();
  json["devices"] = nlohmann::ordered_json::array();
  for (const DeviceInfo& device : ListDevices()) json["devices"].push_back(device.name);
  json["device_links"] = nlohmann::ordered_json::parse(DeviceLinksToJson(DetectDeviceLinks()));
  json["topology_summary"] = Describe(topology);
  // As --topology reads it.
  json["topology"] = nlohmann::ordered_json::parse(TopologyToJson(topology));
  json["machine"] = MachineKey(topology);
  json["settings"] = nlohmann::ordered_json::array();
  for (const SettingSpec& spec : Settings()) {
    json["settings"].push_back({{"environment", spec.environment},
                                {"flag", spec.flag},
                                {"group", spec.group},
                                {"value", config.GetText(spec.id)},
                                {"default", spec.default_value},
                                {"origin", Name(config.GetOrigin(spec.id))},
                                {"accepted", AcceptedValues(spec)},
                                {"help", spec.help}});
  }
  return json.dump(2);
}

}  // namespace ronde
