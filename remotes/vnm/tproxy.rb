# tproxy: shim. Takes the place of OpenNebula's file of this name: the stock drivers call it, `tproxy up` and `down` act.
require 'digest'
require 'open3'

module VNMMAD
    # Transparent proxies.
    module TProxy
        # A copy that only root can write to, where there is one (docs/security.md, "sudo").
        SAFE = '/usr/local/lib/one-tproxy/vnm/tproxy'
        EXECUTABLE = File.executable?(SAFE) ? SAFE : File.join(__dir__, 'tproxy')
        CONFIG = File.expand_path('../etc/vnm/OpenNebulaNetwork.conf', File.dirname(EXECUTABLE))

        # What tproxy goes by, of what the driver knows of a NIC.
        FIELDS = [:bridge, :network, :network_id, :nic_id, :target, :mac, :vn_mad, :phydev, :vlan_id, :outer_vlan_id]

        # direction: :up before a VM starts, :down when the last guest has left the bridge of the NIC.
        # Raises with what tproxy said when it fails. tproxy judges for itself whether a fault keeps a VM from starting
        # (:tproxy_required:); faults around it (no executable, no rule of sudo, killed) are judged here.
        def self.setup_tproxy(nic, direction)
            reached, reason = call(nic, direction)
            return if reason.nil?

            what = "tproxy #{direction} of bridge #{nic[:bridge]} failed: #{reason}"
            raise what if reached || required?

            $stderr.puts "ERROR: #{direction == :up ? 'pre' : 'clean'}: #{what}"
        end

        # Name of the bridge port that leads to the proxy; it is no guest.
        def self.veth(nic)
            bridge = nic[:bridge].to_s
            bridge = "otp#{Digest::SHA256.hexdigest(bridge)[0, 10]}" if bridge.bytesize >= 15
            "#{bridge}b"
        end

        # Whether tproxy was reached, and the reason of a failure or nil.
        def self.call(nic, direction)
            vm = vm_id(nic)
            return [false, "nothing tells the VM of NIC #{nic[:nic_id]}"] if vm.nil?

            root = Process.euid.zero? ? [] : ['sudo', '-n']
            # sudoers allows this command line without arguments, so the NIC goes to standard input, as it does from the hooks.
            _, messages, status = Open3.capture3(*root, EXECUTABLE, direction.to_s, :stdin_data => template(vm, nic, direction))
            $stderr.print(messages)
            return [true, nil] if status.success?

            [reached?(root, direction, status), messages.lines.last.to_s.strip]
        rescue StandardError => e
            [false, e.message]
        end

        def self.reached?(root, direction, status)
            return false if status.exitstatus.nil? || status.exitstatus > 125
            return true if root.empty?

            Open3.capture3(*root, '-l', EXECUTABLE, direction.to_s).last.success?
        end

        # The driver has read the VM. The name of the tap, which a template may choose (NIC/TARGET), is for callers without a driver.
        def self.vm_id(nic)
            drivers = defined?(VNMMAD::VNMDriver) ? ObjectSpace.each_object(VNMMAD::VNMDriver) : []
            ids = drivers.map {|driver| driver.vm && driver.vm['ID'] }
            ids << nic[:target].to_s[/\Aone-(\d+)-\d+\z/, 1]
            ids.map(&:to_s).find {|id| id.match?(/\A\d+\z/) }
        end

        # As text: what is required holds also where the rest of the file can't be read.
        def self.required?
            File.foreach(CONFIG).any? {|line| line.b.match?(/\A\s*:?tproxy_required:\s*true\b/) }
        rescue SystemCallError
            false
        end

        def self.template(vm, nic, direction)
            # The stock drivers call :down for the last one only.
            keys = { 'LAST_GUEST' => direction == :down ? 'YES' : 'NO' }
            FIELDS.each {|key| keys[key.to_s.upcase] = nic[key] unless nic[key].nil? }
            fields = keys.map {|key, value| "<#{key}>#{value.to_s.scrub.encode(:xml => :text)}</#{key}>" }
            ["<VM><ID>#{vm}</ID><TEMPLATE><NIC>#{fields.join}</NIC></TEMPLATE></VM>"].pack('m0')
        end

        private_class_method :call, :reached?, :vm_id, :required?, :template
    end
end
