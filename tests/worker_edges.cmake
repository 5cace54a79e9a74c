# The worker's edges: the engine over its socket, its events, the host's directories and locks.

add_library(peer STATIC engine/peer.c)
target_include_directories(peer PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/engine)
target_link_libraries(peer PUBLIC engine PkgConfig::JANSSON)
target_compile_definitions(peer PRIVATE
    TEST_ENGINE="${CMAKE_CURRENT_SOURCE_DIR}/engine")

muster_test(docker peer)
muster_test(watch peer)
muster_test(host host)
muster_test(host_lock host)
muster_test(host_purge host)
muster_test(helper host)
muster_test(policy_file access)
muster_test(credentials access)
set_tests_properties(docker watch host host_lock host_purge helper PROPERTIES TIMEOUT 120)

add_executable(bench_engine bench/bench_engine.c)
target_link_libraries(bench_engine PRIVATE engine)
set_target_properties(bench_engine PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)

if(MUSTER_FUZZ)
    muster_fuzz(watch engine)
endif()
