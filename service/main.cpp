#include "commands/invoke.hpp"

int main(int count, char** arguments) { return static_cast<int>(castiel_sync::service::invoke(count, arguments)); }
