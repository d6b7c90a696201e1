#include <castiel_sync/integration.hpp>

namespace castiel_sync {

bool flows_to(Direction direction, Side side) noexcept {
    return direction == Direction::bidirectional ||
           direction == (side == Side::target ? Direction::inbound : Direction::outbound);
}

} // namespace castiel_sync
