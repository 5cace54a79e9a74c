# The control plane: pure decisions, then the ledger.

muster_test(fold control)
muster_test(resolve control)
muster_test(presence control)
muster_test(heal control)
muster_test(remark control)
muster_test(adopt control)
muster_test(token control)
muster_test(ask control)
muster_test(numbers control)
muster_test(path control)
muster_test(door control)
muster_test(listen api)
muster_test(hub api)
muster_test(routes api)
target_compile_definitions(test_routes PRIVATE
    OPENAPI="${CMAKE_SOURCE_DIR}/producer/web/openapi.json")
muster_test(ledger desk PkgConfig::SQLITE)
muster_test(request desk)
muster_test(apart desk)
muster_test(beats desk)
muster_test(rulebook control)
muster_test(authors control)
muster_test(changed control)
muster_test(audit desk)
muster_test(dump control)
muster_test(profile desk)
muster_test(import desk)
target_compile_definitions(test_resolve PRIVATE PROFILES="${CMAKE_SOURCE_DIR}/producer/profiles")

# They do no I/O and ask no clock.
add_test(NAME purity_of_control
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_purity.sh $<TARGET_FILE:control>)

if(MUSTER_FUZZ)
    muster_fuzz(profile control)
    muster_fuzz(import desk)
    muster_fuzz(apply desk)
    muster_fuzz(words desk)
    muster_fuzz(ask control)
endif()

# make_ledger FILE, bench_ledger FILE: by hand, through tests/bench/bench-ledger.
foreach(bench make_ledger bench_ledger)
    add_executable(${bench} bench/${bench}.c)
    target_link_libraries(${bench} PRIVATE desk)
    set_target_properties(${bench} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
endforeach()

# bench_replay URL [SERVERS [EVENTS]]: not a test, not run by ctest.
add_executable(bench_replay bench/bench_replay.c)
target_link_libraries(bench_replay PRIVATE desk)
set_target_properties(bench_replay PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
