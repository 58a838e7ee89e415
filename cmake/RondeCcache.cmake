# Compiles through ccache where it is installed. The settings travel with the command, so that ninja
# and ./dev share one cache, and precompiled headers can be cached.
include_guard(GLOBAL)

find_program(RONDE_CCACHE ccache)
if(RONDE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(ronde_cache_dir "$ENV{RONDE_CACHE}")
  if(NOT ronde_cache_dir)
    set(ronde_cache_dir "$ENV{HOME}/.cache/ronde")
  endif()
  set(ronde_launcher
    env "CCACHE_DIR=${ronde_cache_dir}/ccache" "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
    "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
    "${RONDE_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${ronde_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ronde_launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${ronde_launcher})
  unset(ronde_launcher)
  unset(ronde_cache_dir)
endif()
