#include "launcher/config_file.h"

#include <yaml.h>

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/base/text_file.h"

namespace ronde {
namespace {

// libyaml's tree of one document, with the parser that made it.
class YamlDocument {
 public:
  YamlDocument() { yaml_parser_initialize(&parser_); }
  ~YamlDocument() {
    if (loaded_) yaml_document_delete(&document_);
    yaml_parser_delete(&parser_);
  }
  YamlDocument(const YamlDocument&) = delete;
  YamlDocument& operator=(const YamlDocument&) = delete;

  bool Load(std::string_view text) {
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
    loaded_ = yaml_parser_load(&parser_, &document_) != 0;
    return loaded_;
  }
  /// Whether another document follows; false also where it is malformed.
  bool LoadNext() {
    yaml_document_t next;
    if (yaml_parser_load(&parser_, &next) == 0) return false;
    const bool any = yaml_document_get_root_node(&next) != nullptr;
    yaml_document_delete(&next);
    return any;
  }

  const yaml_parser_t& parser() const { return parser_; }
  yaml_node_t* Root() { return yaml_document_get_root_node(&document_); }
  yaml_node_t* Node(int index) { return yaml_document_get_node(&document_, index); }

 private:
  yaml_parser_t parser_;
  yaml_document_t document_;
  bool loaded_ = false;
};

int LineOf(const yaml_node_t& node) { return static_cast<int>(node.start_mark.line) + 1; }

std::string TextOf(const yaml_node_t& scalar) {
  return {reinterpret_cast<const char*>(scalar.data.scalar.value), scalar.data.scalar.length};
}

bool IsNull(const yaml_node_t& node) {
  if (node.type != YAML_SCALAR_NODE || node.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
    return false;
  }
  const std::string text = TextOf(node);
  return text.empty() || text == "~" || text == "null";
}

class Reader {
 public:
  Reader(YamlDocument* document, const std::string& file_name)
      : document_(*document), file_name_(file_name) {}

  Result<std::vector<ConfigFileEntry>> Read() {
    const yaml_node_t* root = document_.Root();
    if (root == nullptr || IsNull(*root)) return std::vector<ConfigFileEntry>{};
    if (root->type != YAML_MAPPING_NODE) {
      return Error(LineOf(*root), "this is no mapping; expected lines of the form 'flag: value'");
    }
    std::vector<ConfigFileEntry> entries;
    for (const auto* pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
         ++pair) {
      RONDE_ASSIGN_OR_RETURN(ConfigFileEntry entry,
                             ReadEntry(*document_.Node(pair->key), *document_.Node(pair->value)));
      for (const ConfigFileEntry& other : entries) {
        if (other.flag != entry.flag) continue;
        return Error(entry.line, StrCat("'", entry.flag, "' stands in line ", other.line,
                                        " already; leave one of them out"));
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  Status Error(int line, const std::string& text) const {
    return Status::InvalidArgument(StrCat("config file ", file_name_, ", line ", line, ": ", text));
  }

  Result<ConfigFileEntry> ReadEntry(const yaml_node_t& key, const yaml_node_t& value) {
    if (key.type != YAML_SCALAR_NODE) return Error(LineOf(key), "a flag's name must be a word");
    ConfigFileEntry entry;
    entry.flag = TextOf(key);
    entry.line = LineOf(key);
    std::replace(entry.flag.begin(), entry.flag.end(), '_', '-');
    const Status status = ReadValues(value, &entry);
    if (!status.ok()) return status;
    return entry;
  }

  Status ReadValues(const yaml_node_t& value, ConfigFileEntry* entry) {
    if (IsNull(value)) {
      return Error(entry->line, StrCat("'", entry->flag, "' has no value; write '' for none"));
    }
    switch (value.type) {
      case YAML_SCALAR_NODE:
        entry->values.push_back(TextOf(value));
        return Status::Ok();
      case YAML_SEQUENCE_NODE:
        for (const auto* item = value.data.sequence.items.start;
             item < value.data.sequence.items.top; ++item) {
          RONDE_RETURN_IF_ERROR(ReadItem("", *document_.Node(*item), entry));
        }
        return Status::Ok();
      default:
        return ReadPairs(value, entry);
    }
  }

  Status ReadPairs(const yaml_node_t& mapping, ConfigFileEntry* entry) {
    for (const auto* pair = mapping.data.mapping.pairs.start; pair < mapping.data.mapping.pairs.top;
         ++pair) {
      const yaml_node_t& name = *document_.Node(pair->key);
      const yaml_node_t& value = *document_.Node(pair->value);
      if (name.type != YAML_SCALAR_NODE) return Error(LineOf(name), "a name must be a word");
      if (IsNull(value)) {
        entry->values.push_back(TextOf(name));
      } else {
        RONDE_RETURN_IF_ERROR(ReadItem(TextOf(name) + "=", value, entry));
      }
    }
    return Status::Ok();
  }

  Status ReadItem(const std::string& prefix, const yaml_node_t& item, ConfigFileEntry* entry) {
    if (item.type != YAML_SCALAR_NODE) {
      return Error(LineOf(item), StrCat("'", entry->flag, "' is nested too deep; expected a value,",
                                        " a list, or names with values"));
    }
    entry->values.push_back(prefix + TextOf(item));
    return Status::Ok();
  }

  YamlDocument& document_;
  const std::string& file_name_;
};

Status SyntaxError(const yaml_parser_t& parser, const std::string& file_name) {
  const char* problem = parser.problem == nullptr ? "it is no text" : parser.problem;
  const char* context = parser.context == nullptr ? "" : parser.context;
  return Status::InvalidArgument(StrCat(
      "config file ", file_name, ", line ", parser.problem_mark.line + 1, ": ", problem,
      *context == '\0' ? "" : " ", context, "; expected YAML, lines of the form 'flag: value'"));
}

}  // namespace

Result<std::vector<ConfigFileEntry>> ParseConfigFile(std::string_view text,
                                                     const std::string& file_name) {
  YamlDocument document;
  if (!document.Load(text)) return SyntaxError(document.parser(), file_name);
  Result<std::vector<ConfigFileEntry>> entries = Reader(&document, file_name).Read();
  if (!entries.ok()) return entries;
  if (document.LoadNext()) {
    return Status::InvalidArgument(
        StrCat("config file ", file_name, ": it holds several documents ('---'); expected one"));
  }
  if (document.parser().error != YAML_NO_ERROR) return SyntaxError(document.parser(), file_name);
  return entries;
}

Result<std::vector<ConfigFileEntry>> ReadConfigFile(const std::string& path) {
  RONDE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  return ParseConfigFile(text, path);
}

}  // namespace ronde
