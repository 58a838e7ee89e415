#include "collectives/check_scaling.h"

#include "core/base/strcat.h"

namespace ronde {

Status CannotScale(std::string_view collective, DataType dtype, double prescale, double postscale) {
  return Status::InvalidArgument(StrCat(collective, ": prescale ", prescale, " and postscale ",
                                        postscale, " need a floating-point type, got ",
                                        Name(dtype)));
}

}  // namespace ronde
