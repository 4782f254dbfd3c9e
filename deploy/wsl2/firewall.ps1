<#
.SYNOPSIS
Lets containers reach onescrape through the Windows firewall: add, show or delete one inbound rule.
.DESCRIPTION
The rule is found again by its name, so adding it twice leaves one. It holds in private and domain networks, not in public ones, and for
senders in Docker's address ranges only.
.EXAMPLE
.\firewall.ps1 add
.EXAMPLE
.\firewall.ps1 add -Port 11012 -From 172.30.0.0/16
#>
#Requires -RunAsAdministrator
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('add', 'show', 'delete')]
    [string]$Action = 'add',

    # onescrape's port.
    [ValidateRange(1, 65535)]
    [int]$Port = 11011,

    # Docker's bridges, and the network of Docker Desktop's own machine.
    [string[]]$From = @('172.16.0.0/12', '192.168.65.0/24')
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$name = "onescrape-$Port"
$rule = Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue

switch ($Action) {
    'add' {
        $settings = @{
            Direction     = 'Inbound'
            Action        = 'Allow'
            Protocol      = 'TCP'
            LocalPort     = $Port
            RemoteAddress = $From
            Profile       = @('Private', 'Domain')
            Enabled       = 'True'
        }
        if ($rule) {
            Set-NetFirewallRule -Name $name @settings
            Write-Output "changed: $name, TCP $Port from $($From -join ', ')"
        }
        else {
            New-NetFirewallRule -Name $name -DisplayName "onescrape metrics (TCP $Port)" @settings | Out-Null
            Write-Output "added: $name, TCP $Port from $($From -join ', ')"
        }
    }
    'show' {
        if (-not $rule) {
            Write-Error "there is no rule $name; add it with: .\firewall.ps1 add -Port $Port"
        }
        $rule | Format-List -Property @('Name', 'Enabled', 'Direction', 'Action', 'Profile')
        $rule | Get-NetFirewallPortFilter | Format-List -Property @('Protocol', 'LocalPort')
        $rule | Get-NetFirewallAddressFilter | Format-List -Property RemoteAddress
    }
    'delete' {
        if ($rule) {
            Remove-NetFirewallRule -Name $name
            Write-Output "deleted: $name"
        }
        else {
            Write-Output "there was no rule $name"
        }
    }
}
