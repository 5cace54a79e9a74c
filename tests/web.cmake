# The page's pure parts, by Node's own test runner, one test a file; what needs a browser is
# tests/integration/test_page.py.

find_program(NODE node)
file(GLOB WEB_TESTS CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/web/test_*.mjs)
foreach(file ${WEB_TESTS})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "test_" "web_" name ${name})
    add_test(NAME ${name} COMMAND ${NODE} --test ${file})
    if(NOT NODE)
        set_tests_properties(${name} PROPERTIES DISABLED TRUE)
    endif()
endforeach()
