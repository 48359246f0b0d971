// SPDX-License-Identifier: MIT
#include "part.hpp"
