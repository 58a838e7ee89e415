# Tests. Labels: `unit` (one process), `mpi` (real processes), `gpu` (need one), `full` (long; only
# with --all).

find_package(GTest REQUIRED)
include(GoogleTest)

# ronde_test(<name> SOURCES ... [LINK ...] [LABELS ...] [TIMEOUT s]): one GoogleTest executable,
# one CTest entry for the whole binary (a process per case costs more than the cases).
function(ronde_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINK;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  ronde_test_program(${name} SOURCES ${arg_SOURCES} LINK GTest::gmock GTest::gtest_main ${arg_LINK})
  add_test(NAME ${name} COMMAND ${name})
  # Ranks as threads fill the machine: a test alone keeps its deadlines honest.
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} PROCESSORS 2)
endfunction()

# ronde_test_program(<name> SOURCES ... [LINK ...]): an executable in build/tests, no CTest entry.
function(ronde_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  ronde_program(${name} SOURCES ${arg_SOURCES} LINK GTest::gtest ${arg_LINK})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endfunction()

# ronde_mpi_test(<name> PROGRAM <target> NP <n>... [ARGS ...] [LABELS ...] [TIMEOUT s]): runs an
# executable with each number of ranks through ronderun, one CTest entry per number.
function(ronde_mpi_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PROGRAM;TIMEOUT" "NP;ARGS;LABELS")
  if(NOT RONDE_HAS_MPI)
    ronde_skipped_test(${name} "built without MPI")
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  foreach(np IN LISTS arg_NP)
    add_test(NAME ${name}_np${np}
             COMMAND ronderun -np ${np} $<TARGET_FILE:${arg_PROGRAM}> ${arg_ARGS})
    set_tests_properties(${name}_np${np} PROPERTIES
      LABELS "mpi;${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} PROCESSORS 2)
  endforeach()
endfunction()

# ronde_gpu_test(<name> SOURCES ... [LINK ...] [TIMEOUT s]): as ronde_test, on a GPU; skipped, with what
# OpenCudaDevice says, where there is none, and where the build has no CUDA.
function(ronde_gpu_test name)
  if(NOT RONDE_HAS_CUDA)
    ronde_skipped_test(${name} "built without CUDA")
    set_tests_properties(${name} PROPERTIES LABELS gpu)
    return()
  endif()
  ronde_test(${name} ${ARGN} LABELS gpu)
  # One program at a time: they would share the device's memory and time. All kernels are loaded at
  # the start: loading one later waits for those that run, which may wait for it.
  set_tests_properties(${name} PROPERTIES
    RESOURCE_LOCK gpu ENVIRONMENT CUDA_MODULE_LOADING=EAGER
    SKIP_REGULAR_EXPRESSION "cuda:[0-9]+: looking for devices: ;skipped: no GPU")
endfunction()

# ronde_skipped_test(<name> <reason>): a test that this build cannot run, named with the reason.
function(ronde_skipped_test name reason)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: ${reason}")
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped: ")
endfunction()
