# The worker's decisions: what is seen, what it means, what is allowed, what is done.

muster_test(adoption planner)
muster_test(container planner)
muster_test(keep planner)
muster_test(log_clock planner)
muster_test(offsets planner)
muster_test(pace planner)
muster_test(policy planner)
muster_test(pull planner)
muster_test(recent planner)
muster_test(stranger planner)
muster_test(verdict planner)

# They do no I/O and ask no clock.
add_test(NAME purity_of_planner
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_purity.sh $<TARGET_FILE:planner>)

if(MUSTER_FUZZ)
    muster_fuzz(engine planner)
    muster_fuzz(offsets planner)
    muster_fuzz(policy_file planner)
    muster_fuzz(command planner)
    muster_fuzz(step planner)
endif()
