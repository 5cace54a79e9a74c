# muster-worker-before, muster-before: the worker and the control plane with the contract of the
# version before in them, to stand beside those of today.  Of one source tree, so that it costs a few
# seconds and no history of git; what is older about them is all that two versions can notice of each
# other: the schemas.

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
add_library(contract-before OBJECT ${sources} ${BEFORE}/muster_schemas.c ${BEFORE}/muster_schemas.h)
target_include_directories(contract-before PRIVATE ${BEFORE} ${CMAKE_SOURCE_DIR}/schemas)
target_link_libraries(contract-before PRIVATE contract PkgConfig::AVRO PkgConfig::JANSSON)
add_executable(muster-worker-before ${CMAKE_SOURCE_DIR}/worker/main.c)
target_link_libraries(muster-worker-before PRIVATE contract-before
    work PkgConfig::AVRO PkgConfig::JANSSON)
# And the control plane, which meets what a newer worker has written.
get_target_property(muster muster SOURCES)
list(TRANSFORM muster PREPEND ${CMAKE_SOURCE_DIR}/producer/)
add_executable(muster-before ${muster})
target_link_libraries(muster-before PRIVATE contract-before
    api desk PkgConfig::SYSTEMD PkgConfig::AVRO PkgConfig::JANSSON)
# The analysers read each source once, as it is compiled for today's programs.
set_target_properties(contract-before muster-worker-before muster-before PROPERTIES
    EXPORT_COMPILE_COMMANDS OFF RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
