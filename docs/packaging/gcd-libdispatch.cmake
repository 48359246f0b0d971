# SPDX-License-Identifier: MIT
#
# Finds libdispatch on the machine that builds: included by gcd's own CMakeLists.txt and installed
# beside gcdConfig.cmake, so that neither records where another machine had it.
#
# Makes the imported target gcd::libdispatch, or says in gcd_libdispatch_problem, in one sentence,
# what is missing. Searched are CMake's usual places (CMAKE_PREFIX_PATH first), then the tool chain
# of the swiftc on the PATH. GCD_DISPATCH_INCLUDE_DIR, GCD_BLOCK_INCLUDE_DIR, GCD_DISPATCH_LIBRARY
# and GCD_BLOCKS_LIBRARY override the search.

set(gcd_libdispatch_problem "")
# pkg-config cannot search, so gcd.pc is given these.
set(gcd_libdispatch_cflags "")
set(gcd_libdispatch_libs "")

if(APPLE)
    # Part of the system; the main queue is served through CoreFoundation's run loop.
    set(gcd_libdispatch_libs "-framework CoreFoundation")
    if(NOT TARGET gcd::libdispatch)
        add_library(gcd::libdispatch INTERFACE IMPORTED GLOBAL)
        set_target_properties(gcd::libdispatch PROPERTIES
            INTERFACE_LINK_LIBRARIES "-framework CoreFoundation")
    endif()
else()
    # The suffixes are for a Swift tool chain's usr directory given as a prefix.
    macro(gcd_find_libdispatch)
        find_path(GCD_DISPATCH_INCLUDE_DIR dispatch/dispatch.h
            PATH_SUFFIXES lib/swift ${ARGN})
        find_path(GCD_BLOCK_INCLUDE_DIR Block.h
            PATH_SUFFIXES Block lib/swift/Block ${ARGN})
        find_library(GCD_DISPATCH_LIBRARY dispatch
            PATH_SUFFIXES swift/linux ${ARGN})
        find_library(GCD_BLOCKS_LIBRARY BlocksRuntime
            PATH_SUFFIXES swift/linux ${ARGN})
        mark_as_advanced(GCD_DISPATCH_INCLUDE_DIR GCD_BLOCK_INCLUDE_DIR
            GCD_DISPATCH_LIBRARY GCD_BLOCKS_LIBRARY)
    endmacro()

    gcd_find_libdispatch()
    if(NOT GCD_DISPATCH_INCLUDE_DIR OR NOT GCD_BLOCK_INCLUDE_DIR
       OR NOT GCD_DISPATCH_LIBRARY OR NOT GCD_BLOCKS_LIBRARY)
        find_program(GCD_SWIFTC swiftc)
        mark_as_advanced(GCD_SWIFTC)
        if(GCD_SWIFTC)
            execute_process(COMMAND ${GCD_SWIFTC} -print-target-info
                OUTPUT_VARIABLE gcd_swift_info ERROR_QUIET)
            string(JSON gcd_swift_resources ERROR_VARIABLE gcd_swift_error
                GET "${gcd_swift_info}" paths runtimeResourcePath)
            string(JSON gcd_swift_count ERROR_VARIABLE gcd_swift_error
                LENGTH "${gcd_swift_info}" paths runtimeLibraryPaths)
            set(gcd_swift_libraries "")
            if(NOT gcd_swift_error AND gcd_swift_count GREATER 0)
                math(EXPR gcd_swift_last "${gcd_swift_count} - 1")
                foreach(gcd_swift_index RANGE ${gcd_swift_last})
                    string(JSON gcd_swift_path
                        GET "${gcd_swift_info}" paths runtimeLibraryPaths ${gcd_swift_index})
                    list(APPEND gcd_swift_libraries "${gcd_swift_path}")
                endforeach()
                gcd_find_libdispatch(PATHS "${gcd_swift_resources}" ${gcd_swift_libraries})
            endif()
        endif()
    endif()

    set(gcd_libdispatch_missing "")
    if(NOT GCD_DISPATCH_INCLUDE_DIR)
        list(APPEND gcd_libdispatch_missing "dispatch/dispatch.h")
    endif()
    if(NOT GCD_BLOCK_INCLUDE_DIR)
        list(APPEND gcd_libdispatch_missing "Block.h")
    endif()
    if(NOT GCD_DISPATCH_LIBRARY)
        list(APPEND gcd_libdispatch_missing "libdispatch")
    endif()
    if(NOT GCD_BLOCKS_LIBRARY)
        list(APPEND gcd_libdispatch_missing "libBlocksRuntime")
    endif()

    if(gcd_libdispatch_missing)
        list(JOIN gcd_libdispatch_missing ", " gcd_libdispatch_missing)
        string(CONCAT gcd_libdispatch_problem
            "libdispatch is incomplete or absent (not found: ${gcd_libdispatch_missing}); "
            "install it or a Swift tool chain, and name its prefix in CMAKE_PREFIX_PATH "
            "or put its swiftc on the PATH.")
    else()
        foreach(gcd_dir IN ITEMS ${GCD_DISPATCH_INCLUDE_DIR} ${GCD_BLOCK_INCLUDE_DIR})
            if(NOT gcd_dir IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
                string(APPEND gcd_libdispatch_cflags " -isystem ${gcd_dir}")
            endif()
        endforeach()
        get_filename_component(gcd_dir "${GCD_DISPATCH_LIBRARY}" DIRECTORY)
        if(NOT gcd_dir IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
            set(gcd_libdispatch_libs "-L${gcd_dir} -Wl,-rpath,${gcd_dir} ")
        endif()
        string(APPEND gcd_libdispatch_libs "-ldispatch -lBlocksRuntime")

        # Global, so that a project which adds gcd as a subdirectory can link it from above.
        if(NOT TARGET gcd::libdispatch)
            add_library(gcd::libblocksruntime UNKNOWN IMPORTED GLOBAL)
            set_target_properties(gcd::libblocksruntime PROPERTIES
                IMPORTED_LOCATION "${GCD_BLOCKS_LIBRARY}"
                INTERFACE_INCLUDE_DIRECTORIES "${GCD_BLOCK_INCLUDE_DIR}")
            add_library(gcd::libdispatch UNKNOWN IMPORTED GLOBAL)
            set_target_properties(gcd::libdispatch PROPERTIES
                IMPORTED_LOCATION "${GCD_DISPATCH_LIBRARY}"
                INTERFACE_INCLUDE_DIRECTORIES "${GCD_DISPATCH_INCLUDE_DIR}"
                INTERFACE_LINK_LIBRARIES gcd::libblocksruntime)
        endif()
    endif()
endif()
