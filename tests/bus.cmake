# The same delivery tests for every bus: the embedded one always, Kafka where MUSTER_KAFKA
# (or MUSTER_TEST_KAFKA) is host:port of a broker.
muster_test(bus bus)
target_sources(test_bus PRIVATE unit/bus_suite.c unit/bus_suite_group.c
    unit/bus_suite_roles.c)
add_test(NAME bus_on_kafka COMMAND test_bus kafka)
set_tests_properties(bus_on_kafka PROPERTIES LABELS kafka SKIP_RETURN_CODE 77)

# What only the embedded bus has: its file, its leases, its retention.
muster_test(bus_sqlite bus PkgConfig::SQLITE)
target_sources(test_bus_sqlite PRIVATE unit/bus_suite.c unit/bus_suite_vfs.c)

# What only the Kafka bus has: its properties; its errors on a broker; outages, on a broker of
# its own.
muster_test(bus_kafka_conf bus)
muster_test(bus_kafka_start bus)
muster_test(bus_kafka bus)
set_tests_properties(bus_kafka PROPERTIES LABELS kafka SKIP_RETURN_CODE 77)
muster_test(bus_kafka_outage bus)
set_tests_properties(bus_kafka_outage PROPERTIES LABELS long)

# bench_bus URL [SECONDS]: not a test, not run by ctest.
add_executable(bench_bus bench/bench_bus.c)
target_link_libraries(bench_bus PRIVATE bus)
set_target_properties(bench_bus PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)

# hostile URL AGENT COUNT [SEED]: for test_hostile.py and soak.py.
add_executable(hostile bench/hostile.c)
target_link_libraries(hostile PRIVATE bus contract)
target_include_directories(hostile PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/unit)
set_target_properties(hostile PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
