#pragma once

#include <string>

namespace ronde {

/// The pickle that Python's torch.save writes for {name: float32 tensor of shape [2, 3]} whose
/// values are the record data/0.
inline std::string PickleOfOneTensor(const std::string& name) {
  using namespace std::string_literals;
  return "\x80\x02"
         "ccollections\nOrderedDict\nq\x00)Rq\x01X"s +
         static_cast<char>(name.size()) + "\0\0\0"s + name +
         "q\x02"
         "ctorch._utils\n_rebuild_tensor_v2\nq\x03(("
         "X\x07\0\0\0storageq\x04"
         "ctorch\nFloatStorage\nq\x05X\x01\0\0\0"
         "0q\x06X\x03\0\0\0"
         "cpuq\x07K\x06tq\x08QK\0K\x02K\x03\x86q\tK\x03K\x01\x86q\n\x89h\0)Rq\x0btq\x0cRq\rs"
         "}q\x0eX\t\0\0\0_metadataq\x0fh\0)Rq\x10sb."s;
}

}  // namespace ronde
