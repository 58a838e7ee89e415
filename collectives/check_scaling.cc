#include "collectives/check_scaling.h"

#include "core/base/strcat.h"

namespace ronde {

Status CheckScaling(std::string_view collective, DataType dtype, double prescale,
                    double postscale) {
  if ((prescale == 1 && postscale == 1) || IsFloatingPoint(dtype)) return Status::Ok();
  return Status::InvalidArgument(StrCat(collective, ": prescale ", prescale, " and postscale ",
                                        postscale, " need a floating-point type, got ",
                                        Name(dtype)));
}

}  // namespace ronde
