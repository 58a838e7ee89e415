# The CMake list is the registry: static registrars vanish from static libraries, and lists of
# #ifdef grow. Adding an entry is one file and one name.

# ronde_registry(<target> OUTPUT <generated .cc> TEMPLATE <.cc.in>
#                DECLARATION <text> ENTRY <text> NAMES <snake_case>...)
# Adds <name>.cc of the current folder for every name and a generated table. In DECLARATION and
# ENTRY, {Name} stands for the name in PascalCase and {name} for the name itself; the template holds
# @RONDE_DECLARATIONS@ and @RONDE_ENTRIES@.
function(ronde_registry target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT;TEMPLATE;DECLARATION;ENTRY" "NAMES")
  set(RONDE_DECLARATIONS "")
  set(RONDE_ENTRIES "")
  foreach(name IN LISTS arg_NAMES)
    string(REPLACE "_" ";" words ${name})
    set(pascal "")
    foreach(word IN LISTS words)
      string(SUBSTRING ${word} 0 1 first)
      string(SUBSTRING ${word} 1 -1 rest)
      string(TOUPPER ${first} first)
      string(APPEND pascal ${first}${rest})
    endforeach()
    foreach(part DECLARATION ENTRY)
      string(REPLACE "{Name}" ${pascal} text "${arg_${part}}")
      string(REPLACE "{name}" ${name} text "${text}")
      set(${part}_text "${text}")
    endforeach()
    string(APPEND RONDE_DECLARATIONS "${DECLARATION_text}\n")
    string(APPEND RONDE_ENTRIES "    ${ENTRY_text}\n")
    target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${name}.cc)
  endforeach()
  set(output ${PROJECT_BINARY_DIR}/generated/${arg_OUTPUT})
  configure_file(${arg_TEMPLATE} ${output} @ONLY)
  target_sources(${target} PRIVATE ${output})
endfunction()
