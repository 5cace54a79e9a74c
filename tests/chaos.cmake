# muster-worker-before: the worker with the contract of the version before in it, to stand beside
# the one of today.  Of one source tree, so that it costs a few seconds and no history of git; what
# is older about it is all that the two can notice of each other: the schemas.

set(BEFORE ${CMAKE_CURRENT_BINARY_DIR}/before)
file(MAKE_DIRECTORY ${BEFORE})
foreach(output ${BEFORE}/muster_schemas.c ${BEFORE}/muster_schemas.h)
    add_custom_command(OUTPUT ${output}
        COMMAND ${GLIB_COMPILE_RESOURCES} --target=${output} --generate --internal
            --c-name=muster_schemas --sourcedir=${CMAKE_SOURCE_DIR}/schemas
            ${CMAKE_CURRENT_SOURCE_DIR}/chaos/before.gresource.xml
        DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/chaos/before.gresource.xml contract VERBATIM)
endforeach()

get_target_property(sources contract SOURCES)
list(FILTER sources EXCLUDE REGEX muster_schemas)
list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/schemas/)
# As objects they come before the library that `work` brings, which nothing is taken of any more.
add_executable(muster-worker-before ${CMAKE_SOURCE_DIR}/worker/main.c ${sources}
    ${BEFORE}/muster_schemas.c ${BEFORE}/muster_schemas.h)
target_include_directories(muster-worker-before PRIVATE ${BEFORE})
target_link_libraries(muster-worker-before PRIVATE work PkgConfig::AVRO PkgConfig::JANSSON)
# The analysers read each source once, as it is compiled for today's programs.
set_target_properties(muster-worker-before PROPERTIES EXPORT_COMPILE_COMMANDS OFF
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
