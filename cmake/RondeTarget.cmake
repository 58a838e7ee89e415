# What every target of Ronde has in common.

# ronde_configure_target(<target>): C++20, warnings, the repository root as include directory,
# sanitizers.
function(ronde_configure_target target)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wno-missing-field-initializers>)
  if(RONDE_HAS_CUDA)
    ronde_configure_cuda(${target})
  endif()
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
  if(RONDE_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C,CXX>:
      -fsanitize=${RONDE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
    target_link_options(${target} PRIVATE -fsanitize=${RONDE_SANITIZE})
  endif()
endfunction()

# ronde_object_library(<name> SOURCES ... [LINK ...]): one folder's objects; they end up in the one
# shared libronde, because static copies in two libraries would make two engines.
function(ronde_object_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(${name} OBJECT ${arg_SOURCES})
  ronde_configure_target(${name})
  target_link_libraries(${name} PRIVATE Threads::Threads ${arg_LINK})
endfunction()

# ronde_program(<name> SOURCES ... [LINK ...]): an executable over libronde in build/bin.
function(ronde_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  ronde_configure_target(${name})
  target_link_libraries(${name} PRIVATE ronde Threads::Threads ${arg_LINK})
endfunction()
