# The contract: words, options, log lines, schemas, codec.

muster_test(contract contract)
muster_test(options base)
muster_test(completion base)
muster_test(clean base)
muster_test(log base)
muster_test(ending base)
muster_test(steady base)
muster_test(schema contract)
muster_test(codec contract PkgConfig::AVRO) # avro-c's decoder as the oracle
muster_test(decode contract)
muster_test(reference contract)

# Built, not run by ctest.
add_executable(bench_codec bench/bench_codec.c)
target_link_libraries(bench_codec PRIVATE contract PkgConfig::AVRO)
set_target_properties(bench_codec PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})

if(MUSTER_FUZZ)
    muster_fuzz(codec contract)
    muster_fuzz(options base)
endif()
