# SPDX-License-Identifier: MIT
#
# vcpkg's port, from the tree it lies in: vcpkg install gcd --overlay-ports=docs/packaging/vcpkg
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

set(backend auto)
if("libdispatch" IN_LIST FEATURES)
    set(backend system)
endif()

# Headers alone: one configuration is enough.
set(VCPKG_BUILD_TYPE release)
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DGCD_BACKEND=${backend} -DGCD_BUILD_TESTS=OFF -DGCD_BUILD_EXAMPLES=OFF -DGCD_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME gcd CONFIG_PATH lib/cmake/gcd)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
