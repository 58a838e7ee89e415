#include "core/comm/topology_file.h"

#include <nlohmann/json.hpp>

#include "core/base/json_fields.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"

namespace ronde {
namespace {

constexpr int kMany = 1 << 20;
constexpr std::int64_t kManyBytes = std::int64_t{1} << 60;

}  // namespace

std::string TopologyToJson(const Topology& topology) {
  nlohmann::ordered_json json;
  json["host_name"] = topology.host_name;
  json["cpu_model"] = topology.cpu_model;
  json["packages"] = topology.packages;
  json["numa_nodes"] = topology.numa_nodes;
  json["cores"] = topology.cores;
  json["processing_units"] = topology.processing_units;
  json["l2_bytes"] = topology.l2_bytes;
  json["l3_bytes"] = topology.l3_bytes;
  json["memory_bytes"] = topology.memory_bytes;
  json["allowed_cpus"] = topology.allowed_cpus;
  json["available_cores"] = topology.available_cores;
  json["package_of_cpu"] = topology.package_of_cpu;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Topology> TopologyFromJson(std::string_view text, const std::string& what) {
  JsonFields fields = JsonFields::Parse(text, what);
  Topology topology;
  const auto text_of = [&](const char* name) { return fields.Has(name) ? fields.Text(name) : ""; };
  const auto count = [&](const char* name) {
    return fields.Has(name) ? static_cast<int>(fields.Integer(name, 0, kMany)) : 0;
  };
  const auto bytes = [&](const char* name) {
    return fields.Has(name) ? fields.Integer(name, 0, kManyBytes) : 0;
  };
  topology.host_name = text_of("host_name");
  topology.cpu_model = text_of("cpu_model");
  topology.packages = count("packages");
  topology.numa_nodes = count("numa_nodes");
  topology.cores = count("cores");
  topology.processing_units = count("processing_units");
  topology.l2_bytes = bytes("l2_bytes");
  topology.l3_bytes = bytes("l3_bytes");
  topology.memory_bytes = bytes("memory_bytes");
  if (fields.Has("allowed_cpus")) {
    topology.allowed_cpus = fields.Integers("allowed_cpus", 0, kMany);
  }
  topology.available_cores = static_cast<int>(fields.Integer("available_cores", 1, kMany));
  if (fields.Has("package_of_cpu")) {
    topology.package_of_cpu = fields.Integers("package_of_cpu", -1, topology.packages - 1);
  }
  fields.ExpectNoOthers();
  if (!fields.status().ok()) return fields.status();
  return topology;
}

Status WriteTopology(const Topology& topology, const std::string& path) {
  return ReplaceTextFile(path, TopologyToJson(topology) + "\n");
}

Result<Topology> ReadTopology(const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  return TopologyFromJson(text, StrCat("topology file '", path, "'"));
}

Result<Topology> TopologyFor(const Config& config) {
  const std::string& path = config.GetText(Setting::kTopology);
  if (path == "auto") return DetectTopology();
  Result<Topology> topology = ReadTopology(path);
  if (topology.ok()) return topology;
  return Status::InvalidArgument(
      StrCat(SpecOf(Setting::kTopology).flag, ": ", topology.status().message()));
}

}  // namespace ronde
