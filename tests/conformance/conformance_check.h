#pragma once

#include "core/base/status.h"
#include "core/base/strcat.h"

/// Returns from a conformance case when `condition` does not hold; `...` is streamed into the text.
#define CONFORM(condition, ...)                                                                \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      return ::ronde::Status::Internal(::ronde::StrCat(                                        \
          __FILE__, ":", __LINE__, ": not so: ", #condition, " " __VA_OPT__(, ) __VA_ARGS__)); \
    }                                                                                          \
  } while (false)
